/* SPDX-License-Identifier: MIT */
/* Runs the tests that the rules of a generation name, before it is taken over: a child for
 * each such rule, `foregate test FILE...` of this very program, so that nothing a test does
 * can harm the one that serves. Bounded in time (reload.tests_timeout, for all of them
 * together) and in what is kept of its output. One thread at a time. */
#ifndef FOREGATE_RELOAD_TESTS_CHILD_H
#define FOREGATE_RELOAD_TESTS_CHILD_H

#include "base/error.h"
#include "reload/tests_output.h"
#include "script/engine.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum tests_state {
    TESTS_RUNNING,
    TESTS_PASSED, /* also when there is nothing to run */
    TESTS_FAILED, /* error says why: CONFIG, a test failed or is none; TIMEOUT or SYSTEM: it
                     cannot be told whether they would pass */
};

struct tests_child {
    const struct generation *generation; /* borrowed */
    size_t next;                         /* rule */
    size_t rules;                        /* that had tests, so far */
    pid_t child;                         /* 0: none runs */
    int output;                          /* what it prints, or -1: it has ended */
    int64_t deadline_ms;
    struct tests_output heard;
};

/* Starts nothing yet. */
void tests_child_init(struct tests_child *tests, const struct generation *generation);

/* As far as it goes without waiting. */
enum tests_state tests_child_advance(struct tests_child *tests, struct error *error);

/* What to wait for between two calls of tests_child_advance, and for how long at most. */
struct pollfd tests_child_event(const struct tests_child *tests);
int tests_child_wait_ms(const struct tests_child *tests);

/* Ends a child that still runs. Fine at any time behind tests_child_init. */
void tests_child_end(struct tests_child *tests);

/* All of it, waiting; false: as for TESTS_FAILED. Ends early (SYSTEM) when SIGTERM or
 * SIGINT is pending. */
bool tests_child_run(const struct generation *generation, struct error *error);

#endif
