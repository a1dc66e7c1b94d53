/* SPDX-License-Identifier: MIT */
/* notes (of session, message, recipient): notes.NAME = plain value; notes.NAME. What is
 * kept is a copy: changing a table that was read from notes changes nothing until it is
 * assigned again. */
#include "script/api.h"
#include "script/observe.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>

static const char *const TYPE = "foregate.notes";

/* A session may last for days; its notes may not grow for days. What a message keeps is
 * limited as a whole, by api_call. */
enum { SESSION_ARENA_BYTES = 16 << 20 };

struct notes {
    struct value *table;
    struct arena *arena;
    const char *name;
    const struct recipient *of;
};

/* The value is on top of the stack. */
static void observe(lua_State *L, enum observation_kind kind, const struct notes *notes,
                    const struct value *key)
{
    if (key->type == VALUE_INTEGER) {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, key->integer);
        observe_field(L, kind, notes->name, number, notes->of);
    } else if (key->type == VALUE_TEXT) {
        observe_field(L, kind, notes->name, key->text.bytes, notes->of);
    }
}

static int notes_index(lua_State *L)
{
    const struct notes *notes = handle_check(L, 1, TYPE);
    struct arena *scratch = api_call(L)->scratch;
    struct value key = value_get(L, 2, scratch);
    const struct value *value = value_find(notes->table, &key);
    if (value == NULL) {
        lua_pushnil(L);
    } else {
        value_push(L, value);
    }
    observe(L, OBSERVATION_INPUT, notes, &key);
    return 1;
}

static int notes_newindex(lua_State *L)
{
    const struct notes *notes = handle_check(L, 1, TYPE);
    int type = lua_type(L, 2);
    luaL_argcheck(L, type == LUA_TSTRING || lua_isinteger(L, 2), 2,
                  "the name of a note is a text or a whole number");
    bool is_session = notes->arena == api_call(L)->stage_call->session->arena;
    if (is_session && arena_used(notes->arena) > SESSION_ARENA_BYTES) {
        return luaL_error(L, "no room for more notes");
    }
    struct value key = value_get(L, 2, notes->arena);
    value_set(notes->arena, notes->table, key, value_get(L, 3, notes->arena));
    lua_settop(L, 3);
    observe(L, OBSERVATION_NOTE, notes, &key);
    return 0;
}

void notes_push(lua_State *L, struct value *notes, struct arena *arena, const char *name,
                const struct recipient *of)
{
    struct notes *object = arena_alloc(api_call(L)->scratch, sizeof *object);
    *object = (struct notes){.table = notes, .arena = arena, .name = name, .of = of};
    handle_push(L, TYPE, object);
}

void api_notes_open(lua_State *L)
{
    handle_open(L, TYPE, notes_index, notes_newindex);
}
