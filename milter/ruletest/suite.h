/* SPDX-License-Identifier: MIT */
/* Test files, one after the other: each test in a world and a Lua state of its own. */
#ifndef FOREGATE_RULETEST_SUITE_H
#define FOREGATE_RULETEST_SUITE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct suite_settings {
    const char *rules_path; /* where rules are looked for; beside a test file comes last */
    const char *lua_path;
    bool coverage; /* print which lines of rule files never ran */
};

struct suite_result {
    size_t tests;
    size_t failures; /* of these */
    size_t broken;   /* files that cannot be read as tests, or have none */
};

/* Prints TAP on stdout. From the main thread, before any other exists, with SIGINT, SIGTERM
 * and SIGHUP blocked: they are looked at between two tests. Sets TZ. False: it could not go
 * on, for this reason (SYSTEM). */
bool suite_run(const struct suite_settings *settings, const char *const *paths,
               size_t count, struct suite_result *result, struct error *error);

#endif
