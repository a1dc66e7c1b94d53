/* SPDX-License-Identifier: MIT */
/* dovecot.http.client { request_timeout_msecs =, user_agent =, ... }
 *   client:request { url =, method = }
 *     request:add_header(name, value)  remove_header(name)  set_payload(text [, sync])
 *     request:submit()  waits
 *       response:status()  reason()  payload()  header(name)
 * Options of 2.3 and 2.4 that say how long to wait count; the others have their options in
 * our configuration, or nothing to change here. Redirects are given as they come. */
#include "authscript/api.h"

#include "base/counter.h"
#include "base/text.h"
#include "io/http.h"
#include "script/await.h"
#include "script/limits.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static const char client_metatable[] = "foregate.http_client";
static const char request_metatable[] = "foregate.http_request";
static const char response_metatable[] = "foregate.http_response";

/* Objects are userdata: what is in their tables is ours alone. */
static void push_object(lua_State *L, const char *metatable)
{
    lua_newuserdatauv(L, 0, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, metatable);
}

/* Puts the table of the object at index 1 in its place. */
static void open_object(lua_State *L, const char *metatable)
{
    luaL_checkudata(L, 1, metatable);
    lua_getiuservalue(L, 1, 1);
    lua_replace(L, 1);
}

/* Dovecot's enum http_client_request_error. */
enum { STATUS_CONNECT_FAILED = 9003, STATUS_TIMED_OUT = 9008 };

enum { LONGEST_MS = 60 * 60 * 1000 };

/* What an option of the client table is to be. */
static const struct client_option {
    const char *name;
    int type;
    bool is_timeout;
} options[] = {
    {"request_timeout_msecs", LUA_TNUMBER, true},
    {"request_absolute_timeout_msecs", LUA_TNUMBER, true},
    {"request_timeout", LUA_TSTRING, true},
    {"request_absolute_timeout", LUA_TSTRING, true},
    {"user_agent", LUA_TSTRING, false},
    {"rawlog_dir", LUA_TSTRING, false},
    {"proxy_url", LUA_TSTRING, false},
    {"max_attempts", LUA_TNUMBER, false},
    {"max_redirects", LUA_TNUMBER, false},
    {"max_connect_attempts", LUA_TNUMBER, false},
    {"max_idle_time_msecs", LUA_TNUMBER, false},
    {"connect_timeout_msecs", LUA_TNUMBER, false},
    {"soft_connect_timeout_msecs", LUA_TNUMBER, false},
    {"connect_backoff_time_msecs", LUA_TNUMBER, false},
    {"connect_backoff_max_time_msecs", LUA_TNUMBER, false},
    {"max_auto_retry_delay_secs", LUA_TNUMBER, false},
    {"debug", LUA_TBOOLEAN, false},
    {"no_auto_redirect", LUA_TBOOLEAN, false},
    {"no_auto_retry", LUA_TBOOLEAN, false},
};

/* `1500`, `1500ms`, `10s`, `10 secs`, `2m`; 0 is no limit of its own. */
static int64_t milliseconds(lua_State *L, const char *name, bool plain_is_ms)
{
    double number = 0;
    if (lua_type(L, -1) == LUA_TNUMBER) {
        number = lua_tonumber(L, -1);
    } else {
        char *unit;
        number = strtod(luaL_checkstring(L, -1), &unit);
        unit += strspn(unit, " ");
        bool is_ms = strncmp(unit, "ms", 2) == 0 || (*unit == '\0' && plain_is_ms);
        if (*unit != '\0' && *unit != 's' && *unit != 'm') {
            return luaL_error(L, "%s: this is no time: %s", name, unit);
        }
        number *= is_ms ? 1 : *unit == 'm' ? 60000 : 1000;
    }
    return number >= 1 && number < LONGEST_MS ? (int64_t)number : LONGEST_MS;
}

static void take_option(lua_State *L, const struct client_option *option,
                        int64_t *timeout_ms)
{
    int type = lua_getfield(L, 1, option->name);
    bool fits = type == LUA_TNIL || type == option->type ||
                (option->type == LUA_TNUMBER && lua_isnumber(L, -1)) ||
                (option->type == LUA_TSTRING && type == LUA_TNUMBER);
    if (!fits) {
        luaL_error(L, "%s: %s expected", option->name, lua_typename(L, option->type));
    }
    if (type != LUA_TNIL && option->is_timeout) {
        int64_t value = milliseconds(L, option->name, option->type == LUA_TNUMBER);
        *timeout_ms = value < *timeout_ms ? value : *timeout_ms;
    }
    lua_pop(L, 1);
}

static int client_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t timeout_ms = LONGEST_MS;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        take_option(L, &options[i], &timeout_ms);
    }
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, timeout_ms);
    lua_setfield(L, -2, "timeout_ms");
    lua_getfield(L, 1, "user_agent");
    lua_setfield(L, -2, "user_agent");
    push_object(L, client_metatable);
    return 1;
}

/* A request is a table: url, method, timeout_ms, payload, headers { {name, value}... }. */
static int client_request(lua_State *L)
{
    open_object(L, client_metatable);
    if (!lua_istable(L, 2)) {
        return luaL_error(L, "Invalid argument #1, expected table");
    }
    lua_settop(L, 2);
    lua_createtable(L, 0, 5);
    if (lua_getfield(L, 2, "url") != LUA_TSTRING) {
        return luaL_error(L, "cannot create request: url not specified");
    }
    lua_setfield(L, 3, "url");
    if (lua_getfield(L, 2, "method") != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushliteral(L, "GET");
    }
    lua_setfield(L, 3, "method");
    lua_getfield(L, 1, "timeout_ms");
    lua_setfield(L, 3, "timeout_ms");
    lua_newtable(L);
    if (lua_getfield(L, 1, "user_agent") == LUA_TSTRING) {
        lua_createtable(L, 2, 0);
        lua_pushliteral(L, "User-Agent");
        lua_rawseti(L, -2, 1);
        lua_rotate(L, -2, 1);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, 1);
    } else {
        lua_pop(L, 1);
    }
    lua_setfield(L, 3, "headers");
    push_object(L, request_metatable);
    return 1;
}

static int remove_header(lua_State *L)
{
    open_object(L, request_metatable);
    const char *name = luaL_checkstring(L, 2);
    lua_getfield(L, 1, "headers");
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    lua_newtable(L);
    lua_Integer kept = 0;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -2, i);
        lua_rawgeti(L, -1, 1);
        bool matches = text_equal_folded(lua_tostring(L, -1), name);
        lua_pop(L, 1);
        if (matches) {
            lua_pop(L, 1);
        } else {
            lua_rawseti(L, -2, ++kept);
        }
    }
    lua_setfield(L, 1, "headers");
    return 0;
}

static int add_header(lua_State *L)
{
    open_object(L, request_metatable);
    luaL_checkstring(L, 2);
    luaL_checkstring(L, 3);
    lua_settop(L, 3);
    lua_getfield(L, 1, "headers");
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    luaL_argcheck(L, count < HTTP_HEADERS, 2, "too many headers");
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, count + 1);
    return 0;
}

static int set_payload(lua_State *L)
{
    open_object(L, request_metatable);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_setfield(L, 1, "payload");
    return 0;
}

static int set_event(lua_State *L)
{
    open_object(L, request_metatable);
    lua_settop(L, 2);
    lua_setfield(L, 1, "event");
    return 0;
}

static int get_event(lua_State *L)
{
    open_object(L, request_metatable);
    lua_getfield(L, 1, "event");
    return 1;
}

/* libcurl says these itself. */
static bool is_framing(const char *name)
{
    return text_equal_folded(name, "content-length") ||
           text_equal_folded(name, "transfer-encoding") ||
           text_equal_folded(name, "connection");
}

/* What the request table, at index 1, holds; the table keeps what is borrowed. */
static struct http_question question_of(lua_State *L, struct arena *arena)
{
    struct http_question question = {0};
    lua_getfield(L, 1, "url");
    question.url = luaL_checklstring(L, -1, &question.url_length);
    lua_getfield(L, 1, "method");
    question.method = luaL_checkstring(L, -1);
    if (lua_getfield(L, 1, "payload") == LUA_TSTRING) {
        question.body = lua_tolstring(L, -1, &question.body_length);
    }
    lua_getfield(L, 1, "headers");
    size_t count = lua_rawlen(L, -1);
    struct http_header *headers = arena_array(arena, count, sizeof *headers);
    for (size_t i = 0; i < count; i++) {
        struct http_header *header = &headers[question.header_count];
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_rawgeti(L, -1, 1);
        header->name = lua_tolstring(L, -1, &header->name_length);
        lua_rawgeti(L, -2, 2);
        header->value = lua_tolstring(L, -1, &header->value_length);
        lua_pop(L, 3);
        question.header_count += is_framing(header->name) ? 0 : 1;
    }
    question.headers = headers;
    lua_settop(L, 1);
    return question;
}

static void push_response(lua_State *L, const struct http_request *request)
{
    const struct http_answer *answer = &request->answer;
    bool ok = request->request.ok;
    bool late = request->request.error.kind == ERROR_TIMEOUT;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, ok     ? answer->status
                       : late ? STATUS_TIMED_OUT
                              : STATUS_CONNECT_FAILED);
    lua_setfield(L, -2, "status");
    const char *reason = ok ? answer->reason : request->request.error.text;
    lua_pushstring(L, reason != NULL ? reason : "");
    lua_setfield(L, -2, "reason");
    lua_pushlstring(L, ok ? answer->body : "", ok ? answer->body_length : 0);
    lua_setfield(L, -2, "payload");
    lua_newtable(L);
    for (size_t i = ok ? answer->header_count : 0; i > 0; i--) { /* the first one stays */
        lua_pushlstring(L, answer->headers[i - 1].value,
                        answer->headers[i - 1].value_length);
        lua_setfield(L, -2, answer->headers[i - 1].name);
    }
    lua_setfield(L, -2, "headers");
    push_object(L, response_metatable);
}

static int on_answer(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct http_request *request = lua_touserdata(L, (int)place);
    if (!request->request.ok) {
        counter_add(COUNTER_HTTP_FAILED, 1);
    }
    push_response(L, request);
    limit_charge(L, AUTH_WAIT_COST);
    return 1;
}

static int submit(lua_State *L)
{
    struct auth_call *auth_call = auth_call_needed(L);
    struct call *call = &auth_call->call;
    open_object(L, request_metatable);
    lua_settop(L, 1);
    auth_call_room(L, auth_call);
    lua_getfield(L, 1, "timeout_ms");
    int timeout_ms = (int)lua_tointeger(L, -1);
    lua_settop(L, 1);
    struct http_question question = question_of(L, call->scratch);
    struct error error;
    struct http_request *request = lua_newuserdatauv(L, sizeof *request, 0);
    if (!http_request_init(request, call->services->http, &question, call->scratch,
                           &error)) {
        return luaL_error(L, "cannot create request: %s", error.text);
    }
    request->request.timeout_ms = await_timeout_ms(call, timeout_ms);
    return await_request(L, &request->request, 2, on_answer);
}

static int answer_field(lua_State *L, const char *name)
{
    open_object(L, response_metatable);
    lua_getfield(L, 1, name);
    return 1;
}

static int response_status(lua_State *L)
{
    return answer_field(L, "status");
}

static int response_reason(lua_State *L)
{
    return answer_field(L, "reason");
}

static int response_payload(lua_State *L)
{
    return answer_field(L, "payload");
}

static int response_header(lua_State *L)
{
    struct auth_call *call = auth_call_needed(L);
    const char *name = luaL_checkstring(L, 2);
    answer_field(L, "headers");
    auth_call_room(L, call);
    lua_getfield(L, -1, text_fold_copy(call->call.scratch, name));
    if (lua_isnil(L, -1)) {
        lua_pushliteral(L, "");
    }
    return 1;
}

static void add_class(lua_State *L, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void auth_http_open(lua_State *L)
{
    static const luaL_Reg client[] = {{"request", client_request}, {NULL, NULL}};
    static const luaL_Reg request[] = {
        {"add_header", add_header},
        {"remove_header", remove_header},
        {"set_payload", set_payload},
        {"set_event", set_event},
        {"get_event", get_event},
        {"submit", submit},
        {NULL, NULL},
    };
    static const luaL_Reg response[] = {
        {"status", response_status},
        {"reason", response_reason},
        {"payload", response_payload},
        {"header", response_header},
        {NULL, NULL},
    };
    add_class(L, client_metatable, client);
    add_class(L, request_metatable, request);
    add_class(L, response_metatable, response);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, client_new);
    lua_setfield(L, -2, "client");
    lua_setfield(L, -2, "http");
}
