/* SPDX-License-Identifier: MIT */
/* Runs the tests that the rules of a generation name, before it is taken over: a child for
 * each such rule, `foregate test FILE...` of this very program, so that nothing a test does
 * can harm the one that serves. Bounded in time (reload.tests_timeout, for all of them
 * together) and in what is kept of its output. One thread at a time. */
#ifndef FOREGATE_RELOAD_TRIAL_H
#define FOREGATE_RELOAD_TRIAL_H

#include "base/error.h"
#include "script/engine.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TRIAL_LINE_BYTES = 300 };

enum trial_state {
    TRIAL_RUNNING,
    TRIAL_PASSED, /* also when there is nothing to run */
    TRIAL_FAILED, /* error says why: CONFIG, a test failed or is none; TIMEOUT or SYSTEM: it
                     cannot be told whether they would pass */
};

/* What a child has said so far: the first line that tells of a failure. */
struct trial_output {
    char line[TRIAL_LINE_BYTES]; /* being read; what does not fit is left out */
    size_t length;
    char said[TRIAL_LINE_BYTES];
    int rank; /* how much `said` tells */
};

struct trial {
    const struct generation *generation; /* borrowed */
    size_t next;                         /* rule */
    size_t rules;                        /* that had tests, so far */
    pid_t child;                         /* 0: none runs */
    int output;                          /* what it prints, or -1: it has ended */
    int64_t deadline_ms;
    struct trial_output heard;
};

/* Starts nothing yet. */
void trial_init(struct trial *trial, const struct generation *generation);

/* As far as it goes without waiting. */
enum trial_state trial_advance(struct trial *trial, struct error *error);

/* What to wait for between two calls of trial_advance, and for how long at most. */
struct pollfd trial_event(const struct trial *trial);
int trial_wait_ms(const struct trial *trial);

/* Ends a child that still runs. Fine at any time behind trial_init. */
void trial_end(struct trial *trial);

/* All of it, waiting; false: as for TRIAL_FAILED. Ends early (SYSTEM) when SIGTERM or
 * SIGINT is pending. */
bool trial_run(const struct generation *generation, struct error *error);

#endif
