/* SPDX-License-Identifier: MIT */
/* Keeps the rules current: sees that a file of them or of the configuration changed, builds
 * a generation aside, runs its tests and swaps it in whole. What is broken changes nothing
 * and is said once. Never waits: what takes time (files that are being written, tests) goes
 * on with the next call. Reload thread. */
#ifndef FOREGATE_RELOAD_RULES_H
#define FOREGATE_RELOAD_RULES_H

#include "current.h"
#include "reload/report.h"
#include "reload/tests_child.h"
#include "reload/watch.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum { RETIRED = 16 };

struct rules {
    const struct config *start; /* what the program was started with */
    const struct services *services;
    struct current *current;
    struct generation *generation;       /* the current one; only this thread changes it */
    struct generation *retired[RETIRED]; /* until their last message has ended */
    struct watch *watch;
    uint64_t fingerprint; /* of the files as they were last tried, good or bad */

    uint64_t seen;    /* since a change was seen, while it is waited for quiet */
    int64_t look_ms;  /* not before */
    int64_t retry_ms; /* what `retries` is tried again */
    int64_t renew_ms; /* not before: spent states begin anew */

    struct generation *candidate; /* built; its tests run */
    struct tests_child tests;
    struct error error; /* of the try under way; empty: none */
    struct error
        logged; /* of the last that failed: the same is no news when it is retried */
    struct report report; /* of the last try */

    int rounds;       /* looks since the change */
    int disturbed;    /* tries in a row during which files changed */
    bool is_settling; /* a change was seen: wait until files are quiet */
    bool is_loud;     /* a failure of this try is news */
    bool retries;     /* the last one failed for a reason beyond the files */
    bool waits;       /* for a place in retired */
};

/* All borrowed, process lifetime; but watch is taken over: it follows start, was marked
 * before current was loaded, and has its tests. */
void rules_init(struct rules *rules, const struct config *start,
                const struct services *services, struct current *current,
                struct watch *watch);
void rules_deinit(struct rules *rules);

/* Loads them, whether files changed or not. When a try is under way, its outcome counts:
 * files that change meanwhile are read again. */
void rules_request(struct rules *rules);

/* Looks at the files, and goes on with what is under way. */
void rules_advance(struct rules *rules);

/* A try is under way; its outcome will stand in report. */
bool rules_are_busy(const struct rules *rules);

/* What to wait for between two calls of rules_advance, and for how long at most. */
struct pollfd rules_event(const struct rules *rules);
int rules_wait_ms(const struct rules *rules);

/* Frees generations whose last message has ended. */
void rules_tidy(struct rules *rules);

#endif
