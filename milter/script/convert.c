/* SPDX-License-Identifier: MIT */
/* Plain values between C and Lua: what may live longer than a callback. */
#include "script/api.h"
#include "script/bounded.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_DEPTH = 8, VALUE_ENTRIES = 20000, VALUE_BYTES = 8 << 20 };

/* What is left of the limits while a value is copied: copies are outside of the state's
 * memory cap, and one text may stand in it many times. */
struct budget {
    int entries;
    size_t bytes;
};

static void push(lua_State *L, const struct value *value)
{
    luaL_checkstack(L, 4, "value is nested too deeply");
    switch (value->type) {
    case VALUE_NIL:
        lua_pushnil(L);
        return;
    case VALUE_BOOL:
        lua_pushboolean(L, value->boolean);
        return;
    case VALUE_INTEGER:
        lua_pushinteger(L, value->integer);
        return;
    case VALUE_NUMBER:
        lua_pushnumber(L, value->number);
        return;
    case VALUE_TEXT:
        lua_pushlstring(L, value->text.bytes, value->text.length);
        return;
    case VALUE_TABLE:
        lua_createtable(L, 0, (int)value->table.count);
        for (size_t i = 0; i < value->table.count; i++) {
            push(L, &value->table.entries[i].key);
            push(L, &value->table.entries[i].value);
            lua_rawset(L, -3);
        }
        return;
    }
}

void value_push(lua_State *L, const struct value *value)
{
    push(L, value);
}

static struct value get(lua_State *L, int index, struct arena *arena, int depth,
                        struct budget *budget);

/* Lua gives the entries of a table in any order; records and tests want one. */
static int compare_entries(const void *left, const void *right)
{
    const struct value *a = &((const struct value_entry *)left)->key;
    const struct value *b = &((const struct value_entry *)right)->key;
    if (a->type == VALUE_INTEGER && b->type == VALUE_INTEGER) {
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
    if (a->type == VALUE_TEXT && b->type == VALUE_TEXT) {
        return strcmp(a->text.bytes, b->text.bytes);
    }
    return (int)a->type - (int)b->type;
}

/* Entries are appended without a search: the keys of a Lua table are distinct. */
static struct value get_table(lua_State *L, int index, struct arena *arena, int depth,
                              struct budget *budget)
{
    if (depth == 0) {
        luaL_error(L, "a value to keep is nested too deeply, or contains itself");
    }
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        count++;
    }
    if ((budget->entries -= (int)count) < 0) {
        luaL_error(L, "a value to keep has too many entries");
    }
    struct value table = {.type = VALUE_TABLE};
    table.table.entries = arena_array(arena, count, sizeof *table.table.entries);
    table.table.size = count;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        struct value_entry *entry = &table.table.entries[table.table.count++];
        entry->key = get(L, lua_gettop(L) - 1, arena, 0, budget);
        entry->value = get(L, lua_gettop(L), arena, depth - 1, budget);
    }
    qsort(table.table.entries, count, sizeof *table.table.entries, compare_entries);
    return table;
}

static struct value get(lua_State *L, int index, struct arena *arena, int depth,
                        struct budget *budget)
{
    luaL_checkstack(L, 6, "value is nested too deeply");
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return (struct value){.type = VALUE_NIL};
    case LUA_TBOOLEAN:
        return (struct value){.type = VALUE_BOOL, .boolean = lua_toboolean(L, index)};
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            return (struct value){.type = VALUE_INTEGER,
                                  .integer = lua_tointeger(L, index)};
        }
        return (struct value){.type = VALUE_NUMBER, .number = lua_tonumber(L, index)};
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, index, &length);
        if (length > budget->bytes) {
            luaL_error(L, "a value to keep is too large");
        }
        budget->bytes -= length;
        return value_text(arena, bytes, length);
    }
    case LUA_TTABLE:
        bounded_thaw(L, index);
        return get_table(L, index, arena, depth, budget);
    default:
        luaL_error(
            L,
            "a %s cannot be kept: only plain values (text, number, boolean, tables of "
            "them)",
            luaL_typename(L, index));
        return (struct value){.type = VALUE_NIL};
    }
}

struct value value_get(lua_State *L, int index, struct arena *arena)
{
    struct budget budget = {.entries = VALUE_ENTRIES, .bytes = VALUE_BYTES};
    return get(L, lua_absindex(L, index), arena, VALUE_DEPTH, &budget);
}
