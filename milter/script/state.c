/* SPDX-License-Identifier: MIT */
#include "script/state.h"

#include "base/arena.h"
#include "base/clock.h"
#include "script/api.h"
#include "script/bounded.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rule file only builds a table when it is loaded. */
enum { LOAD_INSTRUCTIONS = 10000000, LOAD_DEADLINE_MS = 5000 };

void call_set(lua_State *L, struct call *call)
{
    memcpy(lua_getextraspace(L), &call, sizeof(void *));
}

enum { STRING_BYTES = 2 << 20, BLOCK_SHARE = 16 };

/* The largest block: no function of Lua works on more than one or two strings or tables at
 * once, so this bounds what one costs. Of a new string Lua says what it is. */
static size_t block_limit(const struct state *state, const void *block, size_t old_size)
{
    size_t share = state->memory_limit / BLOCK_SHARE;
    bool is_string = block == NULL && old_size == LUA_TSTRING;
    return is_string || share < STRING_BYTES ? STRING_BYTES : share;
}

/* A call over a limit gets a little more, for the errors that end it; at every instruction
 * there is one. */
static bool is_refused(const struct state *state, const void *block, size_t old_size,
                       size_t new_size)
{
    size_t old = block != NULL ? old_size : 0;
    if (state->running == NULL || new_size <= old) {
        return false;
    }
    size_t limit = state->memory_limit;
    limit += state->running->limit != LIMIT_NONE ? limit / 4 : 0;
    return new_size > block_limit(state, block, old_size) ||
           state->memory_bytes - old + new_size > limit;
}

/* lua_Alloc. The cap holds only while rule code runs, so that our own set-up, outside of
 * protected mode, never meets it. */
static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    struct state *state = user;
    size_t old = block != NULL ? old_size : 0;
    if (new_size == 0) {
        free(block);
        state->memory_bytes -= old;
        return NULL;
    }
    if (is_refused(state, block, old_size, new_size)) {
        limit_refused(state->running, new_size);
        return NULL;
    }
    void *moved = realloc(block, new_size);
    if (moved != NULL) {
        state->memory_bytes += new_size - old;
        if (state->running != NULL && new_size > old) {
            state->running->refused_bytes = 0; /* Lua's second try, if it was one, got it */
        }
    }
    return moved;
}

bool state_run_library(lua_State *L, const char *folder, const char *name, int arguments,
                       struct error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (luaL_loadfilex(L, path, "t") != LUA_OK) {
        return error_set(error, ERROR_CONFIG,
                         "%s: set lua.path to the folder of Foregate's Lua library",
                         lua_tostring(L, -1));
    }
    lua_insert(L, -1 - arguments);
    if (lua_pcall(L, arguments, 1, 0) != LUA_OK) {
        return error_set(error, ERROR_CONFIG, "%s", lua_tostring(L, -1));
    }
    return true;
}

static bool build(struct state *state, const char *library_path, struct error *error)
{
    lua_State *L = state->L;
    bounded_open(L);
    api_open(L); /* our tables, as one table */
    /* sandbox.lua returns the environment of rules; ruleset.lua loads files into it. */
    if (!state_run_library(L, library_path, "sandbox.lua", 1, error) ||
        !state_run_library(L, library_path, "nearest.lua", 0, error) ||
        !state_run_library(L, library_path, "ruleset.lua", 2, error)) {
        return false;
    }
    state->library_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return true;
}

static void open_lua(struct state *state)
{
    state->L = lua_newstate(allocate, state);
    if (state->L == NULL) {
        abort();
    }
    call_set(state->L, NULL);
}

static struct state *allocate_state(size_t memory_limit)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        abort();
    }
    pthread_mutex_init(&state->lock, NULL);
    state->memory_limit = memory_limit;
    state->library_ref = LUA_NOREF;
    state->next_call_id = 1;
    open_lua(state);
    return state;
}

struct state *state_new_standard(size_t memory_limit)
{
    struct state *state = allocate_state(memory_limit);
    state->texts_are_numbers = true;
    bounded_open_standard(state->L);
    return state;
}

void state_renew_standard(struct state *state)
{
    lua_close(state->L);
    open_lua(state);
    atomic_store(&state->spent, false);
    bounded_open_standard(state->L);
}

struct state *state_new(size_t memory_limit, const char *library_path, struct error *error)
{
    struct state *state = allocate_state(memory_limit);
    if (!build(state, library_path, error)) {
        state_free(&state);
        return NULL;
    }
    return state;
}

void state_free(struct state **state)
{
    if (*state == NULL) {
        return;
    }
    lua_close((*state)->L);
    pthread_mutex_destroy(&(*state)->lock);
    free((*state)->manifest_refs);
    free((*state)->handler_refs);
    free((*state)->settings_refs);
    free(*state);
    *state = NULL;
}

/* The file's globals are the sandbox: its one upvalue is _ENV. */
static void set_environment(lua_State *L, int library)
{
    lua_getfield(L, library, "environment");
    lua_setupvalue(L, -2, 1);
}

bool state_call(struct state *state, int arguments, int64_t instructions, int deadline_ms,
                struct error *error)
{
    lua_State *L = state->L;
    struct call call = {
        .state = state,
        .instructions_left = instructions,
        .deadline_ms = clock_monotonic_ms() + deadline_ms,
    };
    limit_begin(&call, L);
    state->running = &call;
    int status = lua_pcall(L, arguments, 1, 0);
    state->running = NULL;
    lua_sethook(L, NULL, 0, 0);
    call_set(L, NULL);
    if (status != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        error_set(error, ERROR_CONFIG, "%s", message != NULL ? message : "not a text");
        lua_settop(L, 0);
    }
    return status == LUA_OK;
}

bool state_load_rule(struct state *state, const struct rule *rule, struct error *error)
{
    lua_State *L = state->L;
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->library_ref);
    lua_getfield(L, 1, "load");
    const char *chunk = lua_pushfstring(L, "@%s", rule->file);
    lua_insert(L, 1); /* anchored; below the library */
    if (luaL_loadbufferx(L, rule->source, strlen(rule->source), chunk, "t") != LUA_OK) {
        error_set(error, ERROR_CONFIG, "%s", lua_tostring(L, -1));
        lua_settop(L, 0);
        return false;
    }
    set_environment(L, 2);
    lua_pushstring(L, rule->name);
    lua_pushstring(L, rule->file);
    if (!state_call(state, 3, LOAD_INSTRUCTIONS, LOAD_DEADLINE_MS, error)) {
        return false;
    }
    lua_replace(L, 1);
    lua_settop(L, 1);
    return true;
}
