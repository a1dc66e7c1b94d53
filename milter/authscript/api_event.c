/* SPDX-License-Identifier: MIT */
/* dovecot.event([parent])  req:event()    an event, whose methods return it again:
 *   append_log_prefix(text) replace_log_prefix(text) set_always_log_source() set_name(name)
 *   add_str(key, value) add_int(key, n) add_timeval(key, seconds) inc_int(key, n)
 *   set_forced_debug() unset_forced_debug()    fields go nowhere: there are no statistics
 *   log_debug(text) log_info log_warning log_error passthrough_event() */
#include "authscript/api.h"

#include <lauxlib.h>

static const char metatable[] = "foregate.auth_event";
static const char prefix_field[] = "prefix";

static void check(lua_State *L, int arguments)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_gettop(L) != arguments + 1) {
        luaL_error(L, "expected %d arguments, got %d", arguments, lua_gettop(L) - 1);
    }
}

static int itself(lua_State *L)
{
    lua_settop(L, 1);
    return 1;
}

static int append_log_prefix(lua_State *L)
{
    check(L, 1);
    const char *text = luaL_checkstring(L, 2);
    lua_getfield(L, 1, prefix_field);
    lua_pushfstring(L, "%s%s", luaL_optstring(L, -1, ""), text);
    lua_setfield(L, 1, prefix_field);
    return itself(L);
}

static int replace_log_prefix(lua_State *L)
{
    check(L, 1);
    luaL_checkstring(L, 2);
    lua_setfield(L, 1, prefix_field);
    return itself(L);
}

static int nothing(lua_State *L)
{
    check(L, 0);
    return itself(L);
}

static int set_name(lua_State *L)
{
    check(L, 1);
    luaL_checkstring(L, 2);
    return itself(L);
}

static int add_text(lua_State *L)
{
    check(L, 2);
    luaL_checkstring(L, 2);
    luaL_checkstring(L, 3);
    return itself(L);
}

static int add_number(lua_State *L)
{
    check(L, 2);
    luaL_checkstring(L, 2);
    luaL_checknumber(L, 3);
    return itself(L);
}

static int log_at(lua_State *L, enum log_level level)
{
    check(L, 1);
    luaL_checkstring(L, 2);
    lua_getfield(L, 1, prefix_field);
    auth_log(L, level, 2, luaL_optstring(L, -1, ""));
    return itself(L);
}

static int log_debug(lua_State *L)
{
    return log_at(L, LOG_DEBUG);
}

static int log_info(lua_State *L)
{
    return log_at(L, LOG_INFO);
}

static int log_warning(lua_State *L)
{
    return log_at(L, LOG_WARNING);
}

static int log_error(lua_State *L)
{
    return log_at(L, LOG_ERROR);
}

static const luaL_Reg methods[] = {
    {"append_log_prefix", append_log_prefix},
    {"replace_log_prefix", replace_log_prefix},
    {"set_always_log_source", nothing},
    {"set_forced_debug", nothing},
    {"unset_forced_debug", nothing},
    {"passthrough_event", nothing},
    {"set_name", set_name},
    {"add_str", add_text},
    {"add_int", add_number},
    {"inc_int", add_number},
    {"add_timeval", add_number},
    {"log_debug", log_debug},
    {"log_info", log_info},
    {"log_warning", log_warning},
    {"log_error", log_error},
    {NULL, NULL},
};

int auth_event_new(lua_State *L)
{
    lua_newtable(L);
    luaL_setmetatable(L, metatable);
    return 1;
}

/* The prefix of the parent is its child's as well. */
static int event(lua_State *L)
{
    lua_settop(L, 1);
    auth_event_new(L);
    if (lua_istable(L, 1)) {
        lua_getfield(L, 1, prefix_field);
        lua_setfield(L, -2, prefix_field);
    }
    return 1;
}

void auth_event_open(lua_State *L)
{
    luaL_newmetatable(L, metatable);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, event);
    lua_setfield(L, -2, "event");
}
