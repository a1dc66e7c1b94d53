/* SPDX-License-Identifier: MIT */
#include "script/bounded.h"

#include "script/limits.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    COPY_BYTES = 64, /* of text: one step */
    TEXT_BYTES = 16, /* changed, or read as a number: one step */
    CODE_BYTES = 4,  /* of UTF-8, read: one step */
    ALL_NUMBERS = -1,
};

void bounded_number(lua_State *L, int argument)
{
    const struct call *call = call_of(L);
    bool is_allowed = call != NULL && call->state->texts_are_numbers;
    if (!is_allowed && lua_type(L, argument) == LUA_TSTRING) {
        luaL_typeerror(L, argument, "number");
    }
}

static int64_t text_cost(lua_State *L)
{
    return (int64_t)(lua_type(L, 1) == LUA_TSTRING ? lua_rawlen(L, 1) / TEXT_BYTES : 0);
}

static int64_t code_cost(lua_State *L)
{
    return (int64_t)(lua_type(L, 1) == LUA_TSTRING ? lua_rawlen(L, 1) / CODE_BYTES : 0);
}

static size_t length_at(lua_State *L, int argument)
{
    return lua_type(L, argument) == LUA_TSTRING ? lua_rawlen(L, argument) : 0;
}

static int64_t rep_cost(lua_State *L)
{
    size_t length = length_at(L, 1) + length_at(L, 3);
    lua_Integer count = luaL_checkinteger(L, 2);
    if (count <= 0 || length == 0) {
        return 0;
    }
    if (count > RESULT_BYTES || length > RESULT_BYTES / (size_t)count) {
        limit_size(L, "string.rep makes at most %d bytes", RESULT_BYTES);
    }
    return (int64_t)length * count / COPY_BYTES;
}

/* Lua itself allows two digits for a width and a precision. */
static int64_t format_cost(lua_State *L)
{
    size_t length;
    const char *format = luaL_checklstring(L, 1, &length);
    size_t total = length;
    int argument = 1;
    const char *end = format + length; /* there may be a NUL before */
    for (const char *at = format;
         (at = memchr(at, '%', (size_t)(end - at))) != NULL && at[1] != '\0'; at++) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == '%') {
            continue;
        }
        argument++;
        if (*at != '\0' && strchr("diuoxXcaAeEfgG", *at) != NULL) {
            bounded_number(L, argument);
        }
        total += length_at(L, argument) * (*at == 'q' ? 4 : 1);
        if (*at == '\0') {
            break;
        }
    }
    if (total > RESULT_BYTES) {
        limit_size(L, "string.format makes at most %d bytes", RESULT_BYTES);
    }
    return (int64_t)(total / COPY_BYTES);
}

static int64_t table_length(lua_State *L)
{
    return lua_type(L, 1) == LUA_TTABLE ? (int64_t)lua_rawlen(L, 1) : 0;
}

/* What moves up or down behind a place. */
static int64_t shift_cost(lua_State *L, int arguments)
{
    int64_t length = table_length(L);
    int is_integer;
    lua_Integer place = lua_tointegerx(L, 2, &is_integer);
    bool shifts = lua_gettop(L) >= arguments && is_integer && place >= 0 && place < length;
    return shifts ? length - place : 0;
}

static int64_t insert_cost(lua_State *L)
{
    if (lua_gettop(L) >= 3) {
        bounded_number(L, 2);
    }
    return shift_cost(L, 3);
}

static int64_t remove_cost(lua_State *L)
{
    return shift_cost(L, 2);
}

/* What it costs to compare each entry once. */
static int64_t compare_cost(lua_State *L, int64_t length)
{
    int64_t cost = length;
    for (int64_t i = 1; i <= length; i++) {
        lua_rawgeti(L, 1, i);
        cost += (int64_t)(length_at(L, -1) / COPY_BYTES);
        lua_pop(L, 1);
    }
    return cost;
}

/* As many comparisons as a good sort takes, twice. Without a function for it, texts are
 * compared by Lua itself, to where they differ. */
static int64_t sort_cost(lua_State *L)
{
    int64_t length = table_length(L);
    int64_t rounds = 1;
    for (int64_t rest = length; rest > 1; rest /= 2) {
        rounds++;
    }
    return 2 * rounds * (lua_isnoneornil(L, 2) ? compare_cost(L, length) : length);
}

static int64_t move_cost(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    if (last < first) {
        return 0;
    }
    /* Unsigned: the difference may be larger than any integer. */
    if ((lua_Unsigned)last - (lua_Unsigned)first >= TABLE_MOVES) {
        limit_size(L, "table.move moves at most %d entries", TABLE_MOVES);
    }
    return last - first + 1;
}

/* Lua refuses what its stack does not hold. */
static int64_t unpack_cost(lua_State *L)
{
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
    lua_Unsigned count = last < first ? 0 : (lua_Unsigned)last - (lua_Unsigned)first;
    return count < TABLE_MOVES ? (int64_t)count : 0;
}

static int64_t select_cost(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) != '#') {
        bounded_number(L, 1);
    }
    return 0;
}

static const struct bound {
    const char *library, *name;
    int numbers; /* one bit an argument that is a number, from 1 << 1 */
    int64_t (*cost)(lua_State *L);
} bounds[] = {
    {LUA_STRLIBNAME, "byte", 1 << 2 | 1 << 3, NULL},
    {LUA_STRLIBNAME, "char", ALL_NUMBERS, NULL},
    {LUA_STRLIBNAME, "format", 0, format_cost},
    {LUA_STRLIBNAME, "lower", 0, text_cost},
    {LUA_STRLIBNAME, "rep", 1 << 2, rep_cost},
    {LUA_STRLIBNAME, "reverse", 0, text_cost},
    {LUA_STRLIBNAME, "sub", 1 << 2 | 1 << 3, NULL},
    {LUA_STRLIBNAME, "upper", 0, text_cost},
    {LUA_TABLIBNAME, "insert", 0, insert_cost},
    {LUA_TABLIBNAME, "move", 1 << 2 | 1 << 3 | 1 << 4, move_cost},
    {LUA_TABLIBNAME, "remove", 1 << 2, remove_cost},
    {LUA_TABLIBNAME, "sort", 0, sort_cost},
    {LUA_TABLIBNAME, "unpack", 1 << 2 | 1 << 3, unpack_cost},
    {LUA_UTF8LIBNAME, "char", ALL_NUMBERS, NULL},
    {LUA_UTF8LIBNAME, "codepoint", 1 << 2 | 1 << 3, NULL},
    {LUA_UTF8LIBNAME, "len", 1 << 2 | 1 << 3, code_cost},
    {LUA_UTF8LIBNAME, "offset", 1 << 2 | 1 << 3, code_cost},
    {LUA_MATHLIBNAME, "abs", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "ceil", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "floor", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "fmod", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "max", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "min", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "modf", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "random", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "tointeger", ALL_NUMBERS, NULL},
    {LUA_MATHLIBNAME, "ult", ALL_NUMBERS, NULL},
    {LUA_GNAME, "select", 0, select_cost},
    {LUA_GNAME, "tonumber", 1 << 2, text_cost},
};

/* Stands in for a function of Lua, which is in upvalue 1 and has none of its own: it runs
 * in this one's frame, so that its messages are what they were. */
static int bounded(lua_State *L)
{
    const struct bound *bound = &bounds[lua_tointeger(L, lua_upvalueindex(2))];
    if (bound->numbers == ALL_NUMBERS) {
        for (int i = lua_gettop(L); i >= 1; i--) {
            bounded_number(L, i);
        }
    }
    for (int i = 1, rest = bound->numbers >> 1; rest > 0; i++, rest >>= 1) {
        if ((rest & 1) != 0) {
            bounded_number(L, i);
        }
    }
    if (bound->cost != NULL) {
        limit_charge(L, bound->cost(L));
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void concat_check(lua_State *L, const luaL_Buffer *buffer, size_t more)
{
    if (luaL_bufflen(buffer) + more > RESULT_BYTES) {
        limit_size(L, "table.concat makes at most %d bytes", RESULT_BYTES);
    }
}

static void concat_add(lua_State *L, luaL_Buffer *buffer, lua_Integer i)
{
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)i);
    }
    concat_check(L, buffer, length_at(L, -1));
    luaL_addvalue(buffer);
}

/* table.concat(list [, separator [, first [, last]]]) as in ltablib.c, with a cap. */
static int concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    bounded_number(L, 3);
    bounded_number(L, 4);
    size_t separator_length;
    const char *separator = luaL_optlstring(L, 2, "", &separator_length);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 4, luaL_len(L, 1));
    int64_t count = 0;
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (; i < last; i++, count++) {
        concat_add(L, &buffer, i);
        concat_check(L, &buffer, separator_length);
        luaL_addlstring(&buffer, separator, separator_length);
    }
    if (i == last) {
        concat_add(L, &buffer, i);
    }
    limit_charge(L, count + (int64_t)(luaL_bufflen(&buffer) / COPY_BYTES));
    luaL_pushresult(&buffer);
    return 1;
}

void bounded_thaw(lua_State *L, int index)
{
    int table = lua_absindex(L, index);
    if (luaL_getmetafield(L, table, "__index") == LUA_TNIL) {
        return;
    }
    if (lua_istable(L, -1)) {
        lua_replace(L, table);
    } else {
        lua_pop(L, 1);
    }
}

/* next(table [, key]), also of a frozen one. */
static int frozen_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bounded_thaw(L, 1);
    if (lua_next(L, 1) == 0) {
        lua_pushnil(L);
        return 1;
    }
    return 2;
}

/* The arithmetic of texts is in their metatable: without it, + of a text is an error. */
static void forbid_arithmetic(lua_State *L)
{
    static const char *const events[] = {"__add", "__sub", "__mul",  "__mod",
                                         "__pow", "__div", "__idiv", "__unm"};
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, events[i]);
    }
    lua_pop(L, 2);
}

static void replace_functions(lua_State *L)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        lua_getglobal(L, bounds[i].library);
        lua_getfield(L, -1, bounds[i].name);
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, bounded, 2);
        lua_setfield(L, -2, bounds[i].name);
    }
    lua_settop(L, 0);
    lua_getglobal(L, LUA_TABLIBNAME);
    lua_pushcfunction(L, concat);
    lua_setfield(L, -2, "concat");
    lua_getglobal(L, LUA_STRLIBNAME);
    patterns_open(L);
    lua_settop(L, 0);
}

void bounded_open(lua_State *L)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_settop(L, 0);
    replace_functions(L);
    lua_pushcfunction(L, frozen_next);
    lua_setglobal(L, "next");
    forbid_arithmetic(L);
}

void bounded_open_standard(lua_State *L)
{
    luaL_openlibs(L);
    lua_settop(L, 0);
    replace_functions(L);
}
