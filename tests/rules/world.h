/* SPDX-License-Identifier: MIT */
/* Everything a test of rules needs around them, in a folder of its own: a config volume,
 * options, rules of the test beside the shipped ones, and the parts that judge mail as
 * `run` starts them, with answers of our own in place of the quota service. */
#ifndef FOREGATE_TESTS_WORLD_H
#define FOREGATE_TESTS_WORLD_H

#include "command/parts.h"

#include <stdbool.h>

struct world {
    char path[256];
    struct config *config;
    struct parts parts;
    bool started;
};

/* Host mail.example.test, two Lua states, the shipped rules. */
void world_begin(struct world *world);
void world_end(struct world *world);

/* `postfix-virtual.cf` and the like; `may_send_as` also sets spoof.may_send_as. */
void world_write(const struct world *world, const char *name, const char *text);
void world_write_rule(const struct world *world, const char *name, const char *text);
bool world_set(struct world *world, const char *assignment, struct error *error);

/* Declares and loads everything. */
bool world_start(struct world *world, struct error *error);

#endif
