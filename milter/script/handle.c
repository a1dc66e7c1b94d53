/* SPDX-License-Identifier: MIT */
#include "script/api.h"
#include "script/await.h"
#include "script/bounded.h"

#include <lauxlib.h>
#include <string.h>

/* What rules make the program keep outside of their state's memory cap: for one call, and
 * until the end of the message or session. One function adds little to it; every one looks
 * first. */
enum { CALL_BYTES = 32 << 20, MESSAGE_BYTES = 64 << 20 };

/* What a rule holds instead of a pointer. Ids are never reused within a state, so a handle
 * that a rule kept over the end of its call can be told from a fresh one. */
struct handle {
    uint64_t call_id;
    const void *object;
};

struct call *api_call(lua_State *L)
{
    struct call *call = call_of(L);
    if (call == NULL || call->stage_call == NULL) {
        luaL_error(L, "not while a rule file is loaded: call this from a handler");
    } else if (arena_used(call->scratch) > CALL_BYTES ||
               arena_used(call->stage_call->arena) > MESSAGE_BYTES) {
        call->limit = LIMIT_MEMORY;
        limit_return(call, L);
        luaL_error(L, "out of memory: the message keeps too much");
    }
    return call;
}

lua_Integer api_integer(lua_State *L, int argument)
{
    bounded_number(L, argument);
    return luaL_checkinteger(L, argument);
}

/* The upvalue is the type's name. */
static int refuse_newindex(lua_State *L)
{
    const char *type = lua_tostring(L, lua_upvalueindex(1));
    const char *dot = strchr(type, '.');
    return luaL_error(L, "the field \"%s\" of %s cannot be set", luaL_tolstring(L, 2, NULL),
                      dot != NULL ? dot + 1 : type);
}

void handle_open(lua_State *L, const char *type, lua_CFunction index,
                 lua_CFunction newindex)
{
    luaL_newmetatable(L, type);
    lua_pushcfunction(L, index);
    lua_setfield(L, -2, "__index");
    if (newindex != NULL) {
        lua_pushcfunction(L, newindex);
    } else {
        lua_pushstring(L, type);
        lua_pushcclosure(L, refuse_newindex, 1);
    }
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
}

void handle_push(lua_State *L, const char *type, const void *object)
{
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->call_id = call_of(L)->id;
    handle->object = object;
    luaL_setmetatable(L, type);
}

void *handle_check(lua_State *L, int argument, const char *type)
{
    struct handle *handle = luaL_checkudata(L, argument, type);
    struct call *call = call_of(L);
    if (call == NULL || call->id != handle->call_id) {
        luaL_error(L,
                   "message is gone: a handle is valid in the callback that got it only");
    }

    union {
        const void *borrowed;
        void *object;
    } pointer = {.borrowed = handle->object};

    return pointer.object;
}

static const void *object_find(lua_State *L, int index, const char *type)
{
    const struct handle *handle = luaL_testudata(L, index, type);
    const struct call *call = call_of(L);
    bool is_valid = handle != NULL && call != NULL && call->id == handle->call_id;
    return is_valid ? handle->object : NULL;
}

const char *handle_text(lua_State *L, int index)
{
    const struct address *address = object_find(L, index, "foregate.address");
    const struct recipient *recipient = handle_recipient(L, index);
    return address != NULL     ? address->external
           : recipient != NULL ? recipient->address.external
                               : NULL;
}

const struct recipient *handle_recipient(lua_State *L, int index)
{
    return object_find(L, index, "foregate.recipient");
}

const char *handle_field(lua_State *L)
{
    return luaL_checkstring(L, 2);
}

static int api_all(lua_State *L)
{
    api_call(L);
    return await_all(L);
}

void api_open(lua_State *L)
{
    lua_newtable(L);
    api_address_open(L);
    api_session_open(L);
    api_message_open(L);
    api_recipient_open(L);
    api_notes_open(L);
    api_verdict_open(L);
    api_directory_open(L);
    api_quota_open(L);
    api_dns_open(L);
    api_http_open(L);
    api_clock_open(L);
    api_log_open(L);
    lua_pushcfunction(L, api_all);
    lua_setfield(L, -2, "all");
}
