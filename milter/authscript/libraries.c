/* SPDX-License-Identifier: MIT */
/* print(...)            one log line
 * os.exit, os.setlocale, debug.sethook   refuse
 * coroutine.create, resume, wrap, close  as Lua's; what waits in a coroutine waits for the
 *                       whole call */
#include "authscript/api.h"

#include "script/limits.h"

#include <lauxlib.h>
#include <stdbool.h>

/* Where the coroutine is on the stack of the function that resumes it. */
enum { PLACE = 1, WRAPPED = 1 };

static int refuse(lua_State *L)
{
    return luaL_error(L, "%s is not available: it would change the whole program",
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

/* Whoever made it, the running call resumes it. */
static void adopt(lua_State *L, lua_State *thread)
{
    struct call *call = &auth_call_needed(L)->call;
    limit_begin_child(call, thread);
    call->running = thread;
}

static int create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *thread = lua_newthread(L);
    call_set(thread, call_of(L));
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    return 1;
}

static int results_of(lua_State *L, lua_State *thread, int count, bool wrapped)
{
    if (!lua_checkstack(L, count + 1)) {
        lua_pop(thread, count);
        return luaL_error(L, "too many results to resume");
    }
    if (!wrapped) {
        lua_pushboolean(L, 1);
    }
    lua_xmove(thread, L, count);
    return count + (wrapped ? 0 : 1);
}

static int failure_of(lua_State *L, lua_State *thread, bool wrapped)
{
    if (wrapped) {
        lua_xmove(thread, L, 1);
        return lua_error(L);
    }
    lua_pushboolean(L, 0);
    lua_xmove(thread, L, 1);
    return 2;
}

static int go_on(lua_State *L, int status, lua_KContext context);

/* A yield of exactly one light userdata is an await: scripts have no such values. */
static int step(lua_State *L, lua_State *thread, int arguments, lua_KContext context)
{
    int count = 0;
    adopt(L, thread);
    int status = lua_resume(thread, L, arguments, &count);
    limit_return(call_of(L), L);
    if (status == LUA_YIELD && count == 1 && lua_islightuserdata(thread, -1)) {
        void *await = lua_touserdata(thread, -1);
        lua_pop(thread, 1);
        if (!lua_isyieldable(L)) {
            return luaL_error(L, "cannot wait here (inside table.sort or string.gsub)");
        }
        lua_pushlightuserdata(L, await);
        return lua_yieldk(L, 1, context, go_on);
    }
    return status == LUA_OK || status == LUA_YIELD
               ? results_of(L, thread, count, context == WRAPPED)
               : failure_of(L, thread, context == WRAPPED);
}

static lua_State *thread_of(lua_State *L, lua_KContext context)
{
    lua_State *thread = lua_tothread(L, context == WRAPPED ? lua_upvalueindex(1) : PLACE);
    luaL_argexpected(L, thread != NULL, PLACE, "coroutine");
    return thread;
}

static int go_on(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    return step(L, thread_of(L, context), 0, context);
}

static int resume_with(lua_State *L, int arguments, lua_KContext context)
{
    lua_State *thread = thread_of(L, context);
    if (!lua_checkstack(thread, arguments)) {
        return luaL_error(L, "too many arguments to resume");
    }
    lua_xmove(L, thread, arguments);
    return step(L, thread, arguments, context);
}

static int resume(lua_State *L)
{
    return resume_with(L, lua_gettop(L) - 1, 0);
}

static int call_wrapped(lua_State *L)
{
    return resume_with(L, lua_gettop(L), WRAPPED);
}

static int wrap(lua_State *L)
{
    create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* Variables to be closed run in it. */
static int close_thread(lua_State *L)
{
    lua_State *thread = thread_of(L, 0);
    if (thread != L) {
        limit_begin_child(&auth_call_needed(L)->call, thread);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void auth_libraries_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"create", create}, {"resume", resume}, {"wrap", wrap}, {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, close_thread, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
    put_refusal(L, "os", "exit");
    put_refusal(L, "os", "setlocale");
    put_refusal(L, "debug", "sethook");
    lua_pushcfunction(L, print);
    lua_setglobal(L, "print");
}
