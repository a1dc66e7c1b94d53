/* SPDX-License-Identifier: MIT */
#include "script/generation.h"

#include <stdlib.h>
#include <string.h>

/* Enough for any rule file; the configured limit may itself be what is wrong. */
enum { DECLARE_MEMORY_BYTES = 64 << 20 };

static bool states_make(struct generation *generation, const struct config *config,
                        size_t memory_limit, struct error *error)
{
    const char *library = config_text(config, "lua.path");
    for (int i = 0; i < generation->state_count; i++) {
        generation->states[i] = state_new(memory_limit, library, error);
        if (generation->states[i] == NULL ||
            !ruleset_load(&generation->ruleset, generation->states[i], error)) {
            return false;
        }
    }
    return true;
}

static void states_allocate(struct generation *generation)
{
    generation->states = calloc((size_t)generation->state_count, sizeof(struct state *));
    if (generation->states == NULL) {
        abort();
    }
}

static bool load(struct generation *generation, struct config *config, size_t memory_limit,
                 struct error *error)
{
    if (!ruleset_find(&generation->ruleset, config, error)) {
        return false;
    }
    states_allocate(generation);
    return states_make(generation, config, memory_limit, error) &&
           ruleset_declare(&generation->ruleset, generation->states[0], config, error);
}

static bool build(struct generation *generation, struct config *config, struct error *error)
{
    if (!config_check_declared(config, error)) {
        return false;
    }
    generation->state_count = config_states(config);
    return load(generation, config, (size_t)config_number(config, "state.memory"), error) &&
           config_check(config, error);
}

static struct generation *generation_alloc(const struct services *services)
{
    struct generation *generation = calloc(1, sizeof *generation);
    if (generation == NULL) {
        abort();
    }
    generation->services = services;
    return generation;
}

/* Its rules are loaded; from here on nothing fails. */
static struct generation *complete(struct generation *generation,
                                   const struct config *config)
{
    static atomic_uint_least64_t last_number;
    generation->number = atomic_fetch_add(&last_number, 1) + 1;
    generation->config = config;
    generation->shadow = strcmp(config_text(config, "mode"), "shadow") == 0;
    generation->instructions = config_number(config, "rule.instructions");
    generation->command_ms = config_number(config, "deadline.command");
    generation->message_ms = config_number(config, "deadline.message");
    ruleset_configure(&generation->ruleset, config);
    for (int i = 0; i < generation->state_count; i++) {
        ruleset_bind(&generation->ruleset, generation->states[i], config);
    }
    return generation;
}

struct generation *generation_new(struct config *config, const struct services *services,
                                  struct error *error)
{
    struct generation *generation = generation_alloc(services);
    if (!build(generation, config, error)) {
        generation_free(&generation);
        return NULL;
    }
    return complete(generation, config);
}

void generation_own_config(struct generation *generation, struct config **config)
{
    generation->owned_config = *config;
    *config = NULL;
}

struct generation *generation_renew(struct generation *old, struct error *error)
{
    struct generation *generation = generation_alloc(old->services);
    generation->state_count = old->state_count;
    ruleset_copy(&generation->ruleset, &old->ruleset);
    states_allocate(generation);
    size_t memory_limit = (size_t)config_number(old->config, "state.memory");
    if (!states_make(generation, old->config, memory_limit, error)) {
        generation_free(&generation);
        return NULL;
    }
    generation->owned_config = old->owned_config;
    old->owned_config = NULL;
    return complete(generation, old->config);
}

bool generation_declare(struct config *config, struct error *error)
{
    struct generation *generation = generation_alloc(NULL);
    generation->state_count = 1;
    bool ok = load(generation, config, DECLARE_MEMORY_BYTES, error);
    generation_free(&generation);
    return ok;
}

struct generation *generation_hold(struct generation *generation)
{
    atomic_fetch_add(&generation->references, 1);
    return generation;
}

void generation_release(struct generation **generation)
{
    if (*generation != NULL) {
        atomic_fetch_sub(&(*generation)->references, 1);
        *generation = NULL;
    }
}

bool generation_is_unused(const struct generation *generation)
{
    return atomic_load(&generation->references) == 0;
}

void generation_free(struct generation **generation)
{
    if (*generation == NULL) {
        return;
    }
    for (int i = 0; (*generation)->states != NULL && i < (*generation)->state_count; i++) {
        state_free(&(*generation)->states[i]);
    }
    free((*generation)->states);
    ruleset_deinit(&(*generation)->ruleset);
    config_free(&(*generation)->owned_config);
    free(*generation);
    *generation = NULL;
}

bool generation_is_spent(const struct generation *generation)
{
    for (int i = 0; i < generation->state_count; i++) {
        if (atomic_load(&generation->states[i]->spent)) {
            return true;
        }
    }
    return false;
}

uint64_t generation_number(const struct generation *generation)
{
    return generation->number;
}

const struct config *generation_config(const struct generation *generation)
{
    return generation->config;
}

bool generation_rule(const struct generation *generation, size_t index,
                     struct loaded_rule *rule)
{
    if (index >= generation->ruleset.count) {
        return false;
    }
    const struct rule *loaded = &generation->ruleset.rules[index];
    *rule = (struct loaded_rule){
        .name = loaded->name,
        .file = loaded->file,
        .source = loaded->source,
        .tests = loaded->tests,
    };
    return true;
}

bool generation_is_shadow(const struct generation *generation)
{
    return generation->shadow;
}

bool generation_has_stage(const struct generation *generation, enum stage stage)
{
    for (size_t i = 0; i < generation->ruleset.count; i++) {
        if (generation->ruleset.rules[i].handles[stage]) {
            return true;
        }
    }
    return false;
}
