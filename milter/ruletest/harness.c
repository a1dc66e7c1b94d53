/* SPDX-License-Identifier: MIT */
#include "ruletest/harness.h"

#include "ruletest/binding.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* LIBRARY: its place on the stack. LEVELS: of calls that are looked at, PLACES are told. */
enum { MEMORY_BYTES = 64 << 20, LIBRARY = 1, LEVELS = 100, PLACES = 8 };

/* A second or so; rules have a budget of their own. */
static const int64_t instructions = 50000000;

struct place {
    char text[LUA_IDSIZE + 16]; /* `file:line` */
    size_t length;
    bool is_file; /* the test's; else of the library */
};

/* False: there are no more levels. Of functions in C the length is 0. */
static bool place_get(lua_State *thread, int level, const char *source, struct place *place)
{
    lua_Debug record;
    *place = (struct place){0};
    if (level == LEVELS || lua_getstack(thread, level, &record) == 0) {
        return false;
    }
    lua_getinfo(thread, "Sl", &record);
    if (record.currentline > 0) {
        place->length = (size_t)snprintf(place->text, sizeof place->text, "%s:%d",
                                         record.short_src, record.currentline);
        place->is_file = record.source[0] == '@' && strcmp(record.source + 1, source) == 0;
    }
    return true;
}

static bool is_at(const char *text, const struct place *place)
{
    return place->length > 0 && strncmp(text, place->text, place->length) == 0 &&
           text[place->length] == ':';
}

/* Without the place in front of it, when that is in the library. */
static const char *without_library(lua_State *thread, const char *source, const char *text)
{
    struct place place;
    for (int level = 0; place_get(thread, level, source, &place); level++) {
        if (!place.is_file && is_at(text, &place)) {
            return text + place.length + strspn(text + place.length, ": ");
        }
    }
    return text;
}

/* The error that ended the thread, behind the place in the test file, and who called
 * that. */
static const char *describe(lua_State *thread, const char *source, struct arena *arena)
{
    const char *text = lua_tostring(thread, -1);
    text =
        text != NULL ? without_library(thread, source, text) : "an error that is no text";
    const char *described = NULL;
    struct place place;
    int count = 0;
    for (int level = 0; count < PLACES && place_get(thread, level, source, &place);
         level++) {
        if (!place.is_file) {
            continue;
        }
        count++;
        described = described != NULL
                        ? arena_format(arena, "%s\n  called from %s", described, place.text)
                    : is_at(text, &place) ? arena_copy(arena, text)
                                          : arena_format(arena, "%s: %s", place.text, text);
    }
    return described != NULL ? described : arena_copy(arena, text);
}

/* The function and its arguments are on top of the stack, where its results come. NULL: it
 * went well; else why not, in arena, and nothing comes. */
static const char *run_limited(struct harness *harness, int arguments, int results,
                               struct arena *arena)
{
    lua_State *L = harness->state->L;
    lua_State *thread = lua_newthread(L); /* keeps its stack behind an error */
    lua_insert(L, -2 - arguments);
    lua_xmove(L, thread, arguments + 1);
    harness->call = (struct call){
        .state = harness->state,
        .instructions_left = instructions,
        .deadline_ms = INT64_MAX, /* its clock stands; the trial has one that does not */
    };
    limit_begin(&harness->call, thread);
    harness->state->running = &harness->call;
    int count = 0;
    int status = lua_resume(thread, NULL, arguments, &count);
    harness->state->running = NULL;
    const char *failure = NULL;
    if (status != LUA_OK) {
        failure = describe(thread, harness->path, arena);
    } else if (harness->call.limit != LIMIT_NONE) {
        /* Caught by a pcall that was the last thing it did. */
        failure = arena_format(arena, "%s: over a limit", harness->call.place);
    } else if (results > 0) {
        lua_settop(thread, results);
        lua_xmove(thread, L, results);
    }
    lua_remove(L, failure == NULL ? -1 - results : -1);
    return failure;
}

/* Leaves what the file returned on the stack, in the place of its arguments. */
static bool run_library(lua_State *L, const char *folder, const char *name, int arguments,
                        struct error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool ok = luaL_loadfilex(L, path, "t") == LUA_OK;
    if (ok) {
        lua_insert(L, -1 - arguments);
        ok = lua_pcall(L, arguments, 1, 0) == LUA_OK;
    }
    return ok || error_set(error, ERROR_SYSTEM,
                           "%s: set lua.path to the folder of Foregate's Lua library",
                           lua_tostring(L, -1));
}

static bool open_library(struct harness *harness, const char *lua_path, struct trial *trial,
                         struct error *error)
{
    lua_State *L = harness->state->L;
    binding_push(L, trial);
    lua_rawgeti(L, LUA_REGISTRYINDEX, harness->state->library_ref);
    lua_getfield(L, -1, "environment");
    lua_remove(L, -2);
    return run_library(L, lua_path, "test_values.lua", 0, error) &&
           run_library(L, lua_path, "test.lua", 3, error);
}

static bool read_file(struct harness *harness, const char *source, struct error *error)
{
    lua_State *L = harness->state->L;
    char chunk[PATH_MAX + 1];
    snprintf(chunk, sizeof chunk, "@%s", harness->path);
    if (luaL_loadbufferx(L, source, strlen(source), chunk, "t") != LUA_OK) {
        return error_set(error, ERROR_CONFIG, "%s", lua_tostring(L, -1));
    }
    lua_getfield(L, LIBRARY, "globals");
    lua_setupvalue(L, -2, 1); /* _ENV */
    struct arena *arena = arena_new();
    const char *failure = run_limited(harness, 0, 0, arena);
    if (failure != NULL) {
        error_set(error, ERROR_CONFIG, "%s", failure);
    }
    arena_free(&arena);
    return failure == NULL;
}

bool harness_open(struct harness *harness, const char *path, const char *source,
                  const char *lua_path, struct trial *trial, struct error *error)
{
    *harness = (struct harness){.path = path};
    harness->state = state_new(MEMORY_BYTES, lua_path, error);
    if (harness->state == NULL) {
        error->kind = ERROR_SYSTEM;
        return false;
    }
    lua_State *L = harness->state->L;
    lua_settop(L, 0);
    if (!open_library(harness, lua_path, trial, error) ||
        !read_file(harness, source, error)) {
        harness_close(harness);
        return false;
    }
    lua_getfield(L, LIBRARY, "registered");
    harness->count = (size_t)lua_rawlen(L, -1);
    lua_settop(L, LIBRARY);
    return true;
}

void harness_close(struct harness *harness)
{
    state_free(&harness->state);
}

/* A field of one test, on top of the stack. */
static void push_field(lua_State *L, size_t index, const char *name)
{
    lua_getfield(L, LIBRARY, "registered");
    lua_rawgeti(L, -1, (lua_Integer)index + 1);
    lua_getfield(L, -1, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

const char *harness_name(const struct harness *harness, size_t index)
{
    lua_State *L = harness->state->L;
    push_field(L, index, "name");
    const char *name = lua_tostring(L, -1); /* anchored in the list */
    lua_pop(L, 1);
    return name;
}

/* Of several with the same name, the how manieth. */
size_t harness_find(const struct harness *harness, const struct harness *other,
                    size_t index)
{
    const char *name = harness_name(other, index);
    size_t twins = 0;
    for (size_t i = 0; i < index; i++) {
        twins += strcmp(harness_name(other, i), name) == 0;
    }
    size_t found = 0;
    for (; found < harness->count; found++) {
        if (strcmp(harness_name(harness, found), name) == 0 && twins-- == 0) {
            break;
        }
    }
    return found;
}

const char *harness_run(struct harness *harness, size_t index, struct arena *arena)
{
    lua_State *L = harness->state->L;
    push_field(L, index, "body");
    lua_getfield(L, LIBRARY, "new_test");
    const char *failure = run_limited(harness, 0, 1, arena);
    if (failure == NULL) {
        failure = run_limited(harness, 1, 0, arena);
    }
    lua_settop(L, LIBRARY);
    return failure;
}
