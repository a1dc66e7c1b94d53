/* SPDX-License-Identifier: MIT */
/* print(...)             one log line
 * os.exit, os.setlocale, debug.sethook, debug.debug  refuse
 * setmetatable, debug.setmetatable    as Lua's, but that __gc is never called: no hook
 * would end it when it does not end collectgarbage         charges the budget coroutine
 * coroutines.c */
#include "authscript/api.h"

#include "script/limits.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

static int refuse(lua_State *L)
{
    return luaL_error(L, "%s is not available: it would change or stop the whole program",
                      lua_tostring(L, lua_upvalueindex(1)));
}

static void put_refusal(lua_State *L, const char *library, const char *name)
{
    lua_getglobal(L, library);
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushcclosure(L, refuse, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static int print(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            luaL_addchar(&buffer, ' ');
        }
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    auth_log(L, LOG_INFO, -1, "");
    return 0;
}

/* Lua marks an object for finalization when it gets a metatable that has the field. The
 * original is upvalue 1, and runs in this frame. */
static int set_metatable(lua_State *L)
{
    lua_settop(L, 2);
    bool has_finalizer = false;
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        has_finalizer = lua_rawget(L, 2) != LUA_TNIL;
        lua_settop(L, has_finalizer ? 3 : 2);
    }
    if (!has_finalizer) {
        return lua_tocfunction(L, lua_upvalueindex(1))(L);
    }
    lua_pushliteral(L, "__gc");
    lua_pushnil(L);
    lua_rawset(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    int status = lua_pcall(L, 2, 1, 0);
    lua_pushliteral(L, "__gc"); /* was there: this takes no memory */
    lua_pushvalue(L, 3);
    lua_rawset(L, 2);
    return status == LUA_OK ? 1 : lua_error(L);
}

static int collect_garbage(lua_State *L)
{
    enum { OBJECT_BYTES = 64 }; /* looked at: one step */

    const char *option = luaL_optstring(L, 1, "collect");
    if (strcmp(option, "collect") == 0 || strcmp(option, "step") == 0) {
        const struct state *state = auth_call_needed(L)->call.state;
        limit_charge(L, (int64_t)(state->memory_bytes / OBJECT_BYTES));
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* The field of the table on top of the stack. */
static void wrap(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void auth_libraries_open(lua_State *L)
{
    auth_coroutines_open(L);
    put_refusal(L, "os", "exit");
    put_refusal(L, "os", "setlocale");
    put_refusal(L, "debug", "sethook");
    put_refusal(L, "debug", "debug");
    lua_getglobal(L, "debug");
    wrap(L, "setmetatable", set_metatable);
    lua_pushglobaltable(L);
    wrap(L, "setmetatable", set_metatable);
    wrap(L, "collectgarbage", collect_garbage);
    lua_pushcfunction(L, print);
    lua_setfield(L, -2, "print");
    lua_pop(L, 2);
}
