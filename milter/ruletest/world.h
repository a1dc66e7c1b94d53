/* SPDX-License-Identifier: MIT */
/* Everything a test of rules needs around them, in a folder of its own below TMPDIR: a
 * config volume, options, rules of the test, and the parts that judge mail as `run` starts
 * them, with answers of our own in place of services. Nothing of the host's configuration
 * or environment is in it. One thread. */
#ifndef FOREGATE_RULETEST_WORLD_H
#define FOREGATE_RULETEST_WORLD_H

#include "base/config.h"
#include "directory/table.h"
#include "parts.h"
#include "ruletest/fake_dns.h"
#include "ruletest/fake_http.h"
#include "ruletest/fake_quota.h"

#include <stdbool.h>

enum { WORLD_PATH_BYTES = 256 };

struct world {
    char path[WORLD_PATH_BYTES]; /* "": there is no folder */
    struct config *config;
    struct loop *loop;
    struct silence *silence;
    struct fake_quota *quota;
    struct fake_dns *dns;
    struct fake_http *http;
    struct table faults;
    struct parts_scripts scripts; /* may be changed before start */
    struct parts parts;
    bool started;
    struct error failure; /* of start */
};

/* Host mail.example.test, two Lua states, nobody has an account; rules of these folders,
 * beside those of the test. False (SYSTEM, or CONFIG for a folder that cannot be named in
 * rules.path): nothing is left to end. */
bool world_begin(struct world *world, const char *rules_path, const char *lua_path,
                 struct error *error);

/* With no transaction left. Removes the folder. */
void world_end(struct world *world);

/* All of these before start; false: SYSTEM or CONFIG. */

/* `postfix-virtual.cf` and the like; `may_send_as` also sets spoof.may_send_as. */
bool world_write(struct world *world, const char *name, const char *text,
                 struct error *error);
bool world_write_rule(struct world *world, const char *name, const char *text,
                      struct error *error);
bool world_set(struct world *world, const char *name, const char *value,
               struct error *error);

/* Look-ups of this address or domain fail. */
void world_add_fault(struct world *world, const char *key, const char *reason);

/* Declares and loads everything. */
bool world_start(struct world *world, struct error *error);

#endif
