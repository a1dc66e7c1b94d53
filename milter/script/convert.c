/* SPDX-License-Identifier: MIT */
/* Plain values between C and Lua: what may live longer than a callback. */
#include "script/api.h"
#include "script/bounded.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_DEPTH = 8, VALUE_ENTRIES = 20000, VALUE_BYTES = 8 << 20 };

/* Of what is kept for the record only, of all values of one call. */
enum { DESCRIBED_VALUES = 100, DESCRIBED_ENTRIES = 10000, DESCRIBED_BYTES = 1 << 20 };

/* What is left of the limits while values are copied: copies are outside of the state's
 * memory cap, and one text may stand in it many times. */
struct budget {
    int entries;
    size_t bytes;
    bool describes; /* nothing raises: a text stands for what cannot be copied */
    bool is_cut;
};

/* What stands for a value that cannot be kept, or the error. */
static struct value refuse(lua_State *L, struct arena *arena, struct budget *budget,
                           const char *reason, const char *instead)
{
    if (!budget->describes) {
        luaL_error(L, "%s", reason);
    }
    budget->is_cut = true;
    return value_text(arena, instead, strlen(instead));
}

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
        return refuse(L, arena, budget,
                      "a value to keep is nested too deeply, or contains itself",
                      "(nested too deeply)");
    }
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        count++;
    }
    if ((size_t)budget->entries < count) {
        return refuse(L, arena, budget, "a value to keep has too many entries",
                      "(too many entries)");
    }
    budget->entries -= (int)count;
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

/* Not plain. */
static struct value get_other(lua_State *L, int index, struct arena *arena,
                              struct budget *budget)
{
    const char *type = luaL_typename(L, index);
    if (!budget->describes) {
        luaL_error(
            L,
            "a %s cannot be kept: only plain values (text, number, boolean, tables of "
            "them)",
            type);
    }
    const char *text = handle_text(L, index);
    text = text != NULL ? text : arena_format(arena, "(%s)", type);
    return value_text(arena, text, strlen(text));
}

static struct value get(lua_State *L, int index, struct arena *arena, int depth,
                        struct budget *budget)
{
    if (!lua_checkstack(L, 6)) {
        return refuse(L, arena, budget, "value is nested too deeply",
                      "(nested too deeply)");
    }
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
            return refuse(L, arena, budget, "a value to keep is too large", "(too large)");
        }
        budget->bytes -= length;
        return value_text(arena, bytes, length);
    }
    case LUA_TTABLE:
        bounded_thaw(L, index);
        return get_table(L, index, arena, depth, budget);
    default:
        return get_other(L, index, arena, budget);
    }
}

struct value value_get(lua_State *L, int index, struct arena *arena)
{
    struct budget budget = {.entries = VALUE_ENTRIES, .bytes = VALUE_BYTES};
    return get(L, lua_absindex(L, index), arena, VALUE_DEPTH, &budget);
}

static struct value describe(lua_State *L, int index, struct arena *arena,
                             struct budget *budget)
{
    if (!lua_checkstack(L, 1)) {
        budget->is_cut = true;
        return (struct value){.type = VALUE_NIL};
    }
    lua_pushvalue(L, index); /* a frozen table is thawed in its place */
    struct value value = get(L, lua_gettop(L), arena, VALUE_DEPTH, budget);
    lua_pop(L, 1);
    return value;
}

struct value_list values_describe(lua_State *L, int first, int count, struct arena *arena,
                                  bool *is_cut)
{
    struct budget budget = {
        .entries = DESCRIBED_ENTRIES, .bytes = DESCRIBED_BYTES, .describes = true};
    int described = count < DESCRIBED_VALUES ? count : DESCRIBED_VALUES;
    struct value_list list = {.count = (size_t)described};
    list.values = arena_array(arena, list.count, sizeof *list.values);
    for (int i = 0; i < described; i++) {
        list.values[i] = describe(L, first + i, arena, &budget);
    }
    *is_cut = *is_cut || budget.is_cut || described < count;
    return list;
}
