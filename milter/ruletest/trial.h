/* SPDX-License-Identifier: MIT */
/* One test while it runs: its world, its sessions, and what was before. Both clocks stand
 * meanwhile. One at a time: clocks, log lines and counters are global. */
#ifndef FOREGATE_RULETEST_TRIAL_H
#define FOREGATE_RULETEST_TRIAL_H

#include "base/counter.h"
#include "ruletest/world.h"

struct trial {
    struct world world;
    struct arena *arena; /* of the sessions' list */
    struct transaction **sessions;
    size_t session_count, session_size;
    int64_t counters[COUNTER_COUNT]; /* before */
    int64_t end_ms;                  /* of the host's clock: then the test takes too long */
    int line_count;                  /* printed */
};

/* Where clocks stand when a test begins: Monday, 5 January 2026, 12:00:00 UTC. */
enum { TRIAL_SECONDS = 1767614400, TRIAL_LIMIT_MS = 10000, TRIAL_SESSIONS = 1000 };

/* False (SYSTEM, CONFIG): there is nothing to end. */
bool trial_begin(struct trial *trial, const char *rules_path, const char *lua_path,
                 struct error *error);
void trial_end(struct trial *trial); /* sessions first, then the world */

/* NULL: there are too many. Lives until the end of the trial. */
struct transaction *trial_add_session(struct trial *trial);

bool trial_is_late(const struct trial *trial);

#endif
