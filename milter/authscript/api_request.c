/* SPDX-License-Identifier: MIT */
/* req.user, req.username... texts or nil (request.c)    req.passdb, req.userdb: tables
 * req:log_debug(text)  req:log_info  req:log_warning  req:log_error
 * req:var_expand(template)              text
 * req:response_from_template(template)  table: `key=value key=value`, each expanded
 * req:password_verify(stored, plain)    1, nil; or 0 or -1, why
 * req:event() */
#include "authscript/api.h"

#include "authscript/password.h"
#include "authscript/template.h"
#include "script/await.h"
#include "script/limits.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

static const char metatable[] = "foregate.auth_request";
static const char item[] = "item";

void auth_log(lua_State *L, enum log_level level, int index, const char *prefix)
{
    enum { CALL_LINES = 100 };

    struct auth_call *call = auth_call_of(L);
    if (call == NULL || ++call->call.log_lines > CALL_LINES) {
        return;
    }
    auth_call_room(L, call);
    struct log_line line;
    log_begin(&line, level, "auth_script");
    log_text(&line, "file", call->script->file);
    log_text(&line, "user", call->request != NULL ? call->request->user : NULL);
    log_text(&line, "text",
             auth_call_hide(call, arena_format(call->call.scratch, "%s%s", prefix,
                                               lua_tostring(L, index))));
    log_end(&line);
}

struct auth_call *auth_call_needed(lua_State *L)
{
    struct auth_call *call = auth_call_of(L);
    if (call == NULL) {
        luaL_error(L, "not in a finalizer");
    }
    return call;
}

/* The request of the running call; a script may have kept an older one. */
static struct auth_call *check(lua_State *L)
{
    struct auth_call *call = auth_call_needed(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushstring(L, item);
    lua_rawget(L, 1);
    bool is_current =
        call->request != NULL && lua_tointeger(L, -1) == (lua_Integer)call->call.id;
    lua_pop(L, 1);
    if (!is_current) {
        luaL_error(L, "this request is over");
    }
    return call;
}

static int log_at(lua_State *L, enum log_level level)
{
    check(L);
    luaL_checkstring(L, 2);
    auth_log(L, level, 2, "");
    return 0;
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

static const char *expand(lua_State *L, struct auth_call *call, const char *text)
{
    struct error error;
    auth_call_room(L, call);
    const char *expanded = template_expand(call->call.scratch, call->request, text, &error);
    if (expanded == NULL) {
        luaL_error(L, "var_expand: %s", error.text);
        return "";
    }
    limit_charge(L, (int64_t)strlen(expanded));
    return expanded;
}

static int var_expand(lua_State *L)
{
    struct auth_call *call = check(L);
    lua_pushstring(L, expand(L, call, luaL_checkstring(L, 2)));
    return 1;
}

static int response_from_template(lua_State *L)
{
    struct auth_call *call = check(L);
    const char *text = luaL_checkstring(L, 2);
    lua_newtable(L);
    while (*(text += strspn(text, " ")) != '\0') {
        size_t length = strcspn(text, " ");
        auth_call_room(L, call);
        limit_charge(L, 1);
        char *word = arena_copy_bytes(call->call.scratch, text, length);
        char *equals = strchr(word, '=');
        if (equals != NULL) {
            *equals = '\0';
            lua_pushstring(L, expand(L, call, equals + 1));
            lua_setfield(L, -2, word);
        }
        text += length;
    }
    return 1;
}

/* A userdata: what is hashed while the state is unlocked. */
struct hashing {
    const char *stored, *plain, *scheme;
    int wait_ms;
    enum password_answer answer;
    struct error error;
};

static void hash(void *argument)
{
    struct hashing *hashing = argument;
    hashing->answer = password_verify(hashing->stored, hashing->scheme, hashing->plain,
                                      hashing->wait_ms, &hashing->error);
}

/* Numbers as Dovecot's: 0 is true in Lua, so that `if req:password_verify(...)` lets
 * everybody in. */
static int on_hashed(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct hashing *hashing = lua_touserdata(L, (int)place);
    limit_charge(L, AUTH_WAIT_COST);
    switch (hashing->answer) {
    case PASSWORD_MATCH:
        lua_pushnumber(L, 1);
        lua_pushnil(L);
        return 2;
    case PASSWORD_MISMATCH:
    case PASSWORD_UNKNOWN_SCHEME:
        lua_pushnumber(L, 0);
        break;
    case PASSWORD_UNUSABLE:
    case PASSWORD_LIMIT:
        lua_pushnumber(L, -1);
        break;
    }
    lua_pushstring(L, hashing->error.text);
    return 2;
}

/* What stands behind a NUL would not be compared. */
static const char *text_argument(lua_State *L, int argument)
{
    size_t length;
    const char *text = luaL_checklstring(L, argument, &length);
    luaL_argcheck(L, strlen(text) == length, argument, "holds a NUL");
    return text;
}

static int password_verify_method(lua_State *L)
{
    const struct auth_call *call = check(L);
    const char *stored = text_argument(L, 2);
    const char *plain = text_argument(L, 3);
    struct hashing *hashing = lua_newuserdatauv(L, sizeof *hashing, 0);
    *hashing = (struct hashing){.stored = stored,
                                .plain = plain,
                                .scheme = "PLAIN",
                                .wait_ms = await_timeout_ms(&call->call, INT_MAX)};
    return await_work(L, hash, hashing, lua_gettop(L), on_hashed);
}

static int event(lua_State *L)
{
    check(L);
    return auth_event_new(L);
}

static const luaL_Reg methods[] = {
    {"log_debug", log_debug},
    {"log_info", log_info},
    {"log_warning", log_warning},
    {"log_error", log_error},
    {"var_expand", var_expand},
    {"response_from_template", response_from_template},
    {"password_verify", password_verify_method},
    {"event", event},
    {NULL, NULL},
};

/* Methods are in upvalue 1. */
static int request_index(lua_State *L)
{
    struct auth_call *call = check(L);
    const char *name = luaL_checkstring(L, 2);
    bool exists;
    auth_call_room(L, call);
    const char *value =
        auth_request_field(call->call.scratch, call->request, name, &exists);
    if (exists) {
        lua_pushstring(L, value); /* nil for NULL */
        return 1;
    }
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

void auth_request_open(lua_State *L)
{
    luaL_newmetatable(L, metatable);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void auth_request_push(lua_State *L, struct auth_call *call)
{
    static const char *const flags[] = {"skip_password_check", "passdbs_seen_user_unknown",
                                        "passdbs_seen_internal_failure",
                                        "userdbs_seen_internal_failure"};
    lua_createtable(L, 0, 7);
    lua_pushinteger(L, (lua_Integer)call->call.id);
    lua_setfield(L, -2, item);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, flags[i]);
    }
    lua_newtable(L);
    lua_setfield(L, -2, "passdb");
    lua_newtable(L);
    lua_setfield(L, -2, "userdb");
    luaL_setmetatable(L, metatable);
}
