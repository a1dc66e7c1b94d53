/* SPDX-License-Identifier: MIT */
/* coroutine.create, resume, wrap, close  as Lua's; what waits in a coroutine waits for the
 *                                       whole call
 * coroutine.yield                       as Lua's, and as there not outside of a coroutine
 */
#include "authscript/api.h"

#include "script/limits.h"

#include <lauxlib.h>
#include <stdbool.h>

/* Where the coroutine is on the stack of the function that resumes it. */
enum { PLACE = 1, WRAPPED = 1 };

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

/* With the message on top of the stack. */
static int failure_of(lua_State *L, bool wrapped)
{
    if (wrapped) {
        return lua_error(L);
    }
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

/* Registry: the coroutines whose await is under way. Their state is unlocked meanwhile, and
 * another call may find them in a global: who resumed or closed one would go on without the
 * answer, and free what the loop still writes to. */
static const char waiting_key = 'w';

static int index_of(lua_KContext context)
{
    return context == WRAPPED ? lua_upvalueindex(1) : PLACE;
}

static void set_waiting(lua_State *L, lua_KContext context, bool waits)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &waiting_key);
    lua_pushvalue(L, index_of(context));
    if (waits) {
        lua_pushboolean(L, 1);
    } else {
        lua_pushnil(L);
    }
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static bool is_waiting(lua_State *L, lua_KContext context)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &waiting_key);
    lua_pushvalue(L, index_of(context));
    bool waits = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return waits;
}

static int go_on(lua_State *L, int status, lua_KContext context);

/* A yield of exactly one light userdata is an await: see yield below. */
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
        set_waiting(L, context, true);
        lua_pushlightuserdata(L, await);
        return lua_yieldk(L, 1, context, go_on);
    }
    if (status == LUA_OK || status == LUA_YIELD) {
        return results_of(L, thread, count, context == WRAPPED);
    }
    if (context == WRAPPED) {
        lua_resetthread(thread); /* closes its variables, and keeps the message */
    }
    lua_xmove(thread, L, 1);
    if (context == WRAPPED && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return failure_of(L, context == WRAPPED);
}

static lua_State *thread_of(lua_State *L, lua_KContext context)
{
    lua_State *thread = lua_tothread(L, index_of(context));
    luaL_argexpected(L, thread != NULL, PLACE, "coroutine");
    return thread;
}

static int go_on(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    set_waiting(L, context, false);
    return step(L, thread_of(L, context), 0, context);
}

static int resume_with(lua_State *L, int arguments, lua_KContext context)
{
    lua_State *thread = thread_of(L, context);
    if (is_waiting(L, context)) {
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
        return failure_of(L, context == WRAPPED);
    }
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
    if (is_waiting(L, 0)) {
        return luaL_error(L, "cannot close a running coroutine");
    }
    if (thread != L) {
        limit_begin_child(&auth_call_needed(L)->call, thread);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* The function of the script runs in a coroutine as well, but that one is ours; and a light
 * userdata, which debug.upvalueid gives, would be taken for an await. */
static int yield(lua_State *L)
{
    const struct auth_call *call = auth_call_needed(L);
    if (L == call->thread) {
        return luaL_error(L, "attempt to yield from outside a coroutine");
    }
    luaL_argcheck(L, lua_gettop(L) != 1 || !lua_islightuserdata(L, 1), 1,
                  "this value cannot be yielded");
    return lua_yield(L, lua_gettop(L));
}

void auth_coroutines_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"create", create},
                                         {"resume", resume},
                                         {"wrap", wrap},
                                         {"yield", yield},
                                         {NULL, NULL}};
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &waiting_key);
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, close_thread, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
}
