/* SPDX-License-Identifier: MIT */
/* The rules of a generation: found, loaded into its states, their settings declared and
 * filled in. Private to script/. */
#ifndef FOREGATE_SCRIPT_RULESET_H
#define FOREGATE_SCRIPT_RULESET_H

#include "base/config.h"
#include "script/state.h"

struct ruleset {
    struct rule *rules;
    size_t count;
};

/* Which rules, in which order, and the file of each (the last folder of rules.path that has
 * it wins). CONFIG when one is nowhere. */
bool ruleset_find(struct ruleset *ruleset, const struct config *config,
                  struct error *error);
/* One rule more; folders as in rules.path. CONFIG when it is nowhere, cannot be read or is
 * there already. */
void ruleset_init(struct ruleset *ruleset);
bool ruleset_add(struct ruleset *ruleset, const char *name, const char *folders,
                 struct error *error);

/* The same files, as they were read then. */
void ruleset_copy(struct ruleset *ruleset, const struct ruleset *from);
void ruleset_deinit(struct ruleset *ruleset);

/* Loads every rule into the state. */
bool ruleset_load(const struct ruleset *ruleset, struct state *state, struct error *error);

/* From a loaded state: their settings become options `RULE.NAME`, with RULE.mode and
 * RULE.on_error. */
bool ruleset_declare(const struct ruleset *ruleset, struct state *state,
                     struct config *config, struct error *error);

/* After config_check: modes of the rules, settings tables and handlers of the state. */
void ruleset_configure(struct ruleset *ruleset, const struct config *config);
void ruleset_bind(const struct ruleset *ruleset, struct state *state,
                  const struct config *config);

#endif
