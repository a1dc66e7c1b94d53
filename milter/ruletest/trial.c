/* SPDX-License-Identifier: MIT */
#include "ruletest/trial.h"

#include "base/clock.h"
#include "ruletest/log_lines.h"

#include <time.h>

/* Of the host, whatever the test says. */
static int64_t host_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool trial_begin(struct trial *trial, const char *rules_path, const char *lua_path,
                 struct error *error)
{
    *trial = (struct trial){.end_ms = host_ms() + TRIAL_LIMIT_MS};
    log_lines_clear();
    clock_stop(TRIAL_SECONDS);
    if (!world_begin(&trial->world, rules_path, lua_path, error)) {
        clock_go();
        return false;
    }
    for (int i = 0; i < COUNTER_COUNT; i++) {
        trial->counters[i] = counter_get((enum counter)i);
    }
    trial->arena = arena_new();
    return true;
}

void trial_end(struct trial *trial)
{
    for (size_t i = 0; i < trial->session_count; i++) {
        transaction_free(&trial->sessions[i]);
    }
    world_end(&trial->world);
    arena_free(&trial->arena);
    clock_go();
}

struct transaction *trial_add_session(struct trial *trial)
{
    if (trial->session_count == TRIAL_SESSIONS) {
        return NULL;
    }
    trial->sessions = arena_grow(trial->arena, trial->sessions, trial->session_count,
                                 &trial->session_size, sizeof(void *));
    struct transaction *session = transaction_new(&trial->world.parts.transactions);
    trial->sessions[trial->session_count++] = session;
    return session;
}

bool trial_is_late(const struct trial *trial)
{
    return host_ms() > trial->end_ms;
}
