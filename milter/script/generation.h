/* SPDX-License-Identifier: MIT */
/* N states with the same rules in each; engine.h says how generations live. Private to
 * script/. */
#ifndef FOREGATE_SCRIPT_GENERATION_H
#define FOREGATE_SCRIPT_GENERATION_H

#include "script/engine.h"
#include "script/ruleset.h"

#include <stdatomic.h>

struct generation {
    uint64_t number;
    atomic_int references; /* beside the maker's */
    const struct services *services;
    const struct config *config; /* what it was made from */
    struct config *owned_config; /* the same, when it is the generation's to free */
    struct ruleset ruleset;
    struct state **states;
    int state_count;
    bool shadow;
    int64_t instructions;
    int64_t command_ms;
    int64_t message_ms;
};

#endif
