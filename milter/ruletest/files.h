/* SPDX-License-Identifier: MIT */
/* Which files are test files. Private to ruletest/. */
#ifndef FOREGATE_RULETEST_FILES_H
#define FOREGATE_RULETEST_FILES_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct test_files {
    struct arena *arena;
    const char **paths;
    size_t count, size;
};

/* A file whatever its name, or all files NAME_test.lua below a folder, in order of their
 * names. What is in the list already is not added again. False (SYSTEM): it cannot be read,
 * or a folder holds none. */
bool test_files_add(struct test_files *files, const char *path, struct error *error);

#endif
