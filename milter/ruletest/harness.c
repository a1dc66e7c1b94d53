/* SPDX-License-Identifier: MIT */
#include "ruletest/harness.h"

#include "ruletest/binding.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY_BYTES = 64 << 20, LIBRARY = 1 /* its place on the stack */ };

/* A second or two. */
static const int64_t instructions = 100000000;

struct place {
    char text[LUA_IDSIZE + 16]; /* `file:line` */
    size_t length;
    bool is_file; /* the test's; else of the library */
};

/* False: there are no more levels. Of functions in C the length is 0. */
static bool place_get(lua_State *L, int level, const char *source, struct place *place)
{
    lua_Debug record;
    *place = (struct place){0};
    if (lua_getstack(L, level, &record) == 0) {
        return false;
    }
    lua_getinfo(L, "Sl", &record);
    if (record.currentline > 0) {
        place->length = (size_t)snprintf(place->text, sizeof place->text, "%s:%d",
                                         record.short_src, record.currentline);
        place->is_file = strcmp(record.source, source) == 0;
    }
    return true;
}

static bool is_at(const char *text, const struct place *place)
{
    return place->length > 0 && strncmp(text, place->text, place->length) == 0 &&
           text[place->length] == ':';
}

/* Without the place in front of it, when that is in the library. */
static const char *without_library(lua_State *L, const char *source, const char *text)
{
    struct place place;
    for (int level = 0; place_get(L, level, source, &place); level++) {
        if (!place.is_file && is_at(text, &place)) {
            return text + place.length + strspn(text + place.length, ": ");
        }
    }
    return text;
}

/* Puts in front of an error where the test file was, and behind it who called that. */
static int with_places(lua_State *L)
{
    const char *source = lua_tostring(L, lua_upvalueindex(1));
    const char *text = without_library(L, source, luaL_tolstring(L, 1, NULL));
    luaL_Buffer places;
    luaL_buffinit(L, &places);
    struct place place;
    bool is_first = true;
    for (int level = 0; place_get(L, level, source, &place); level++) {
        if (!place.is_file) {
            continue;
        }
        if (is_first && !is_at(text, &place)) {
            luaL_addstring(&places, place.text);
            luaL_addstring(&places, ": ");
        }
        if (is_first) {
            luaL_addstring(&places, text);
        } else {
            luaL_addstring(&places, "\n  called from ");
            luaL_addstring(&places, place.text);
        }
        is_first = false;
    }
    if (is_first) {
        luaL_addstring(&places, text);
    }
    luaL_pushresult(&places);
    return 1;
}

/* The function and its arguments are on top of the stack. With an error the stack is as it
 * was before them, but for its text. */
static bool run_limited(struct harness *harness, int arguments, int results)
{
    lua_State *L = harness->state->L;
    int place = lua_gettop(L) - arguments;
    lua_pushfstring(L, "@%s", harness->path);
    lua_pushcclosure(L, with_places, 1);
    lua_insert(L, place);
    harness->call = (struct call){
        .state = harness->state,
        .instructions_left = instructions,
        .deadline_ms = INT64_MAX, /* its clock stands; the trial has one that does not */
    };
    limit_begin(&harness->call, L);
    harness->state->running = &harness->call;
    int status = lua_pcall(L, arguments, results, place);
    harness->state->running = NULL;
    lua_sethook(L, NULL, 0, 0);
    call_set(L, NULL);
    lua_remove(L, place);
    if (status == LUA_OK && harness->call.limit != LIMIT_NONE) {
        lua_settop(L, place - 1);
        lua_pushfstring(L, "%s: over a limit", harness->call.place);
        status = LUA_ERRRUN;
    }
    return status == LUA_OK;
}

/* Text of the error on top of the stack. */
static bool take_error(lua_State *L, struct error *error)
{
    const char *text = lua_tostring(L, -1);
    return error_set(error, ERROR_CONFIG, "%s", text != NULL ? text : "not a text");
}

static bool open_library(struct harness *harness, const char *lua_path, struct trial *trial,
                         struct error *error)
{
    lua_State *L = harness->state->L;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/test.lua", lua_path);
    bool ok = luaL_loadfilex(L, path, "t") == LUA_OK;
    if (ok) {
        binding_push(L, trial);
        lua_rawgeti(L, LUA_REGISTRYINDEX, harness->state->library_ref);
        lua_getfield(L, -1, "environment");
        lua_remove(L, -2);
        ok = lua_pcall(L, 2, 1, 0) == LUA_OK;
    }
    if (!ok) {
        return error_set(error, ERROR_SYSTEM,
                         "%s: set lua.path to the folder of Foregate's Lua library",
                         lua_tostring(L, -1));
    }
    return true;
}

static bool read_file(struct harness *harness, const char *source, struct error *error)
{
    lua_State *L = harness->state->L;
    char chunk[PATH_MAX + 1];
    snprintf(chunk, sizeof chunk, "@%s", harness->path);
    if (luaL_loadbufferx(L, source, strlen(source), chunk, "t") != LUA_OK) {
        return take_error(L, error);
    }
    lua_getfield(L, LIBRARY, "globals");
    lua_setupvalue(L, -2, 1); /* _ENV */
    return run_limited(harness, 0, 0) || take_error(L, error);
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
    const char *failure = NULL;
    if (!run_limited(harness, 0, 1) || !run_limited(harness, 1, 0)) {
        const char *text = lua_tostring(L, -1);
        failure = arena_copy(arena, text != NULL ? text : "an error that is no text");
    }
    lua_settop(L, LIBRARY);
    return failure;
}
