/* SPDX-License-Identifier: MIT */
/* One test file in a Lua state of its own, with the library that tests see (lua/test.lua)
 * and the limits of rules: memory and instructions. Private to ruletest/. */
#ifndef FOREGATE_RULETEST_HARNESS_H
#define FOREGATE_RULETEST_HARNESS_H

#include "ruletest/trial.h"
#include "script/state.h"

struct harness {
    struct state *state;
    const char *path;
    struct call call;
    size_t count; /* of tests */
};

/* Reads the file, which names its tests. trial: that tests may use; NULL: only the names
 * are wanted. The path is borrowed. False: CONFIG for what is wrong with the file, SYSTEM
 * for the library; there is nothing to close. */
bool harness_open(struct harness *harness, const char *path, const char *source,
                  const char *lua_path, struct trial *trial, struct error *error);
void harness_close(struct harness *harness);

/* Counted from 0. Lives as long as the harness. */
const char *harness_name(const struct harness *harness, size_t index);

/* The same test in another state, where the order may be another; count: there is none. */
size_t harness_find(const struct harness *harness, const struct harness *other,
                    size_t index);

/* NULL: it passed. Else what went wrong, with file and line, in lines; lives in arena. */
const char *harness_run(struct harness *harness, size_t index, struct arena *arena);

#endif
