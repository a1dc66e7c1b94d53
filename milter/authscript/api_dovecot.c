/* SPDX-License-Identifier: MIT */
/* dovecot.auth.PASSDB_RESULT_*, USERDB_RESULT_*
 * dovecot.i_debug(text)  i_info  i_warning  i_error
 * dovecot.has_flag(value, flag)  set_flag  clear_flag
 * dovecot.restrict_global_variables(yes)
 * dovecot.gettimeofday()  { tv_sec, tv_usec }    nanoseconds()    microseconds()
 * dovecot.net_ip_family(text)  4, 6 or 0
 * dovecot.tabescape(text)  tabunescape(text)  split_tabescaped(text)
 * dovecot.var_expand(template)  knows the environment only
 * dovecot.event, base64, http: files of their own */
#include "authscript/api.h"

#include "authscript/template.h"
#include "script/limits.h"

#include <arpa/inet.h>
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

static const struct constant {
    const char *name;
    int value;
} constants[] = {
    {"PASSDB_RESULT_OK", 1},
    {"PASSDB_RESULT_PASSWORD_MISMATCH", 0},
    {"PASSDB_RESULT_INTERNAL_FAILURE", -1},
    {"PASSDB_RESULT_SCHEME_NOT_AVAILABLE", -2},
    {"PASSDB_RESULT_USER_UNKNOWN", -3},
    {"PASSDB_RESULT_USER_DISABLED", -4},
    {"PASSDB_RESULT_PASS_EXPIRED", -5},
    {"PASSDB_RESULT_NEXT", -6},
    {"USERDB_RESULT_OK", 1},
    {"USERDB_RESULT_INTERNAL_FAILURE", -1},
    {"USERDB_RESULT_USER_UNKNOWN", -2},
};

static int log_at(lua_State *L, enum log_level level)
{
    if (lua_gettop(L) != 1) {
        return luaL_error(L, "expected 1 arguments, got %d", lua_gettop(L));
    }
    luaL_checkstring(L, 1);
    auth_log(L, level, 1, "");
    return 0;
}

static int i_debug(lua_State *L)
{
    return log_at(L, LOG_DEBUG);
}

static int i_info(lua_State *L)
{
    return log_at(L, LOG_INFO);
}

static int i_warning(lua_State *L)
{
    return log_at(L, LOG_WARNING);
}

static int i_error(lua_State *L)
{
    return log_at(L, LOG_ERROR);
}

static int has_flag(lua_State *L)
{
    lua_pushboolean(L, (luaL_checkinteger(L, 1) & luaL_checkinteger(L, 2)) != 0);
    return 1;
}

static int set_flag(lua_State *L)
{
    lua_pushinteger(L, luaL_checkinteger(L, 1) | luaL_checkinteger(L, 2));
    return 1;
}

static int clear_flag(lua_State *L)
{
    lua_pushinteger(L, luaL_checkinteger(L, 1) & ~luaL_checkinteger(L, 2));
    return 1;
}

static int undeclared(lua_State *L)
{
    return luaL_error(L, "attempt to %s undeclared global variable %s",
                      lua_tostring(L, lua_upvalueindex(1)), luaL_tolstring(L, 2, NULL));
}

/* As in strict.lua the file itself, and C, may declare: the script's functions are globals.
 */
static int declare(lua_State *L)
{
    lua_Debug record;
    if (lua_getstack(L, 1, &record) != 0) {
        lua_getinfo(L, "S", &record);
        if (strcmp(record.what, "Lua") == 0) {
            return undeclared(L);
        }
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static int restrict_global_variables(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    lua_pushglobaltable(L);
    if (lua_toboolean(L, 1)) {
        lua_newtable(L);
        lua_pushliteral(L, "read");
        lua_pushcclosure(L, undeclared, 1);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, "write");
        lua_pushcclosure(L, declare, 1);
        lua_setfield(L, -2, "__newindex");
    } else {
        lua_pushnil(L);
    }
    lua_setmetatable(L, -2);
    return 0;
}

static int gettimeofday_table(lua_State *L)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, now.tv_sec);
    lua_setfield(L, -2, "tv_sec");
    lua_pushinteger(L, now.tv_nsec / 1000);
    lua_setfield(L, -2, "tv_usec");
    return 1;
}

static int push_time(lua_State *L, int64_t unit_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushinteger(L, (now.tv_sec * INT64_C(1000000000) + now.tv_nsec) / unit_ns);
    return 1;
}

static int nanoseconds(lua_State *L)
{
    return push_time(L, 1);
}

static int microseconds(lua_State *L)
{
    return push_time(L, 1000);
}

static int net_ip_family(lua_State *L)
{
    unsigned char address[16];
    const char *text = luaL_checkstring(L, 1);
    lua_pushinteger(L, inet_pton(AF_INET, text, address) == 1    ? 4
                       : inet_pton(AF_INET6, text, address) == 1 ? 6
                                                                 : 0);
    return 1;
}

static const char escapes[] = "\0"
                              "0\001"
                              "1\tt\rr\nn"; /* byte, letter, byte... */

static int tabescape(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    limit_charge(L, (int64_t)(length / 16));
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < length; i++) {
        size_t at = 0;
        while (at < sizeof escapes - 1 && escapes[at] != text[i]) {
            at += 2;
        }
        if (at < sizeof escapes - 1) {
            luaL_addchar(&buffer, '\001');
            luaL_addchar(&buffer, escapes[at + 1]);
        } else {
            luaL_addchar(&buffer, text[i]);
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

static void push_unescaped(lua_State *L, const char *text, size_t length)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\001' || i + 1 == length) {
            luaL_addchar(&buffer, text[i]);
            continue;
        }
        i++;
        size_t at = 0;
        while (at < sizeof escapes - 1 && escapes[at + 1] != text[i]) {
            at += 2;
        }
        luaL_addchar(&buffer, at < sizeof escapes - 1 ? escapes[at] : text[i]);
    }
    luaL_pushresult(&buffer);
}

static int tabunescape(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    limit_charge(L, (int64_t)(length / 16));
    push_unescaped(L, text, length);
    return 1;
}

static int split_tabescaped(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    limit_charge(L, (int64_t)(length / 16));
    const char *end = text + length;
    lua_newtable(L);
    for (lua_Integer i = 1;; i++) {
        const char *tab = memchr(text, '\t', (size_t)(end - text));
        push_unescaped(L, text, (size_t)((tab != NULL ? tab : end) - text));
        lua_rawseti(L, -2, i);
        if (tab == NULL) {
            return 1;
        }
        text = tab + 1;
    }
}

static int var_expand(lua_State *L)
{
    struct error error;
    struct auth_call *call = auth_call_needed(L);
    const char *text = luaL_checkstring(L, 1);
    auth_call_room(L, call);
    const char *expanded = template_expand(call->call.scratch, NULL, text, &error);
    if (expanded == NULL) {
        return luaL_error(L, "var_expand: %s", error.text);
    }
    lua_pushstring(L, expanded);
    return 1;
}

static const luaL_Reg functions[] = {
    {"i_debug", i_debug},
    {"i_info", i_info},
    {"i_warning", i_warning},
    {"i_error", i_error},
    {"has_flag", has_flag},
    {"set_flag", set_flag},
    {"clear_flag", clear_flag},
    {"restrict_global_variables", restrict_global_variables},
    {"gettimeofday", gettimeofday_table},
    {"nanoseconds", nanoseconds},
    {"microseconds", microseconds},
    {"net_ip_family", net_ip_family},
    {"tabescape", tabescape},
    {"tabunescape", tabunescape},
    {"split_tabescaped", split_tabescaped},
    {"var_expand", var_expand},
    {NULL, NULL},
};

void auth_dovecot_open(lua_State *L)
{
    luaL_newlib(L, functions);
    auth_event_open(L);
    auth_http_open(L);
    auth_base64_open(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        lua_pushnumber(L, constants[i].value); /* Dovecot's are floats */
        lua_setfield(L, -2, constants[i].name);
    }
    lua_setfield(L, -2, "auth");
    lua_setglobal(L, "dovecot");
    auth_request_open(L);
}
