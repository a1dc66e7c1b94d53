/* SPDX-License-Identifier: MIT */
#include "authscript/reply.h"

#include "base/log.h"
#include "base/text.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIELD_COUNT = 1000 };

/* Dovecot's enum passdb_result and userdb_result. */
static const struct result {
    int value;
    enum auth_answer answer;
    const char *code;
} passdb_results[] =
    {
        {1, AUTH_FOUND, NULL},         {0, AUTH_REFUSED, "mismatch"},
        {-1, AUTH_FAILED, "failure"},  {-2, AUTH_FAILED, "scheme"},
        {-3, AUTH_NOT_FOUND, NULL},    {-4, AUTH_REFUSED, "disabled"},
        {-5, AUTH_REFUSED, "expired"}, {-6, AUTH_FAILED, "next"},
},
  userdb_results[] = {
      {1, AUTH_FOUND, NULL},
      {-1, AUTH_FAILED, "failure"},
      {-2, AUTH_NOT_FOUND, NULL},
};

void reply_fail(struct arena *arena, struct auth_reply *reply, const char *code,
                const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reply->answer = AUTH_FAILED;
    reply->code = code;
    reply->reason = arena_copy(arena, text);
}

static void warn(const struct auth_call *call, const char *function, const char *text)
{
    struct log_line line;
    log_begin(&line, LOG_WARNING, "auth_script");
    log_text(&line, "file", call->script->file);
    log_text(&line, "function", function);
    log_text(&line, "user", call->request != NULL ? call->request->user : NULL);
    log_text(&line, "text", text);
    log_end(&line);
}

const char *reply_field(const struct field_list *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->entries[i].name, name) == 0) {
            return fields->entries[i].value;
        }
    }
    return NULL;
}

static void remove_field(struct field_list *fields, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->entries[i].name, name) != 0) {
            fields->entries[kept++] = fields->entries[i];
        }
    }
    fields->count = kept;
}

/* `name:protected` keeps what is there, `name:remove` takes it away (auth_request_set_field
 * of Dovecot). */
static void add_field(struct auth_call *call, const char *function,
                      struct field_list *fields, const char *name, const char *value)
{
    if (*name == '\0' || name[strcspn(name, "\t\r\n")] != '\0') {
        warn(call, function,
             "a field whose name is empty or holds TAB, CR or LF is left out");
        return;
    }
    char *plain = arena_copy(fields->arena, name);
    char *suffix = strrchr(plain, ':');
    bool is_protected = suffix != NULL && strcmp(suffix, ":protected") == 0;
    bool is_removal = suffix != NULL && strcmp(suffix, ":remove") == 0;
    if (is_protected || is_removal) {
        *suffix = '\0';
    }
    if (is_protected && reply_field(fields, plain) != NULL) {
        return;
    }
    remove_field(fields, plain);
    if (is_removal) {
        return;
    }
    if (strcmp(plain, "user") == 0) {
        fields->user = value;
        return;
    }
    if (!call->is_userdb && strcmp(plain, "password") == 0) {
        fields->password = value;
        return;
    }
    if (!call->is_userdb && strcmp(plain, "password_noscheme") == 0) {
        fields->password = arena_format(fields->arena, "{PLAIN}%s", value);
        return;
    }
    if (fields->count >= FIELD_COUNT) {
        warn(call, function, "more than 1000 fields: the rest is left out");
        return;
    }
    fields->entries = arena_grow(fields->arena, fields->entries, fields->count,
                                 &fields->size, sizeof *fields->entries);
    fields->entries[fields->count++] = (struct auth_field){.name = plain, .value = value};
}

/* `key=value key=value`; a word without `=` has an empty value. */
static void take_text(struct auth_call *call, const char *function,
                      struct field_list *fields, const char *text)
{
    while (*(text += strspn(text, " ")) != '\0') {
        size_t length = strcspn(text, " ");
        char *word = arena_copy_bytes(fields->arena, text, length);
        char *equals = strchr(word, '=');
        if (equals != NULL) {
            *equals = '\0';
        }
        add_field(call, function, fields, word, equals != NULL ? equals + 1 : "");
        text += length;
    }
}

/* As Dovecot: numbers become whole ones. */
static const char *value_of(lua_State *L, struct arena *arena)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        return arena_copy_bytes(arena, text, length);
    }
    case LUA_TBOOLEAN:
        return lua_toboolean(L, -1) ? "yes" : "no";
    case LUA_TNUMBER:
        return arena_format(arena, "%lld", (long long)lua_tointeger(L, -1));
    default:
        return NULL;
    }
}

static void take_table(struct auth_call *call, const char *function,
                       struct field_list *fields)
{
    lua_State *L = call->thread;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            warn(call, function,
                 "a field whose name is no text is left out; Dovecot 2.3 ends its process");
            continue;
        }
        const char *name = lua_tostring(L, -2);
        const char *value = value_of(L, fields->arena);
        if (value == NULL) {
            warn(call, function,
                 arena_format(fields->arena, "the field %s is a %s: it is empty", name,
                              luaL_typename(L, -1)));
        }
        add_field(call, function, fields, name, value != NULL ? value : "");
    }
}

/* Where the function begins, and its name. */
static const char *place_of(struct auth_call *call, const char *name)
{
    lua_Debug record;
    if (!auth_call_push(call, name)) {
        return name;
    }
    lua_getinfo(call->thread, ">S", &record);
    return arena_format(call->call.scratch, "%s:%d: %s", record.short_src,
                        record.linedefined, name);
}

static const struct result *find_result(const struct result *results, size_t count,
                                        lua_Number value)
{
    for (size_t i = 0; i < count; i++) {
        if ((lua_Number)results[i].value == value) {
            return &results[i];
        }
    }
    return NULL;
}

static const struct result *code_of(struct auth_call *call, const char *name,
                                    struct auth_reply *reply)
{
    lua_State *L = call->thread;
    struct arena *arena = call->call.scratch;
    const char *family = call->is_userdb ? "USERDB" : "PASSDB";
    if (lua_type(L, -2) != LUA_TNUMBER) {
        reply_fail(arena, reply, "return",
                   "%s returned a %s first: return one of dovecot.auth.%s_RESULT_*",
                   place_of(call, name), luaL_typename(L, -2), family);
        return NULL;
    }
    lua_Number value = lua_tonumber(L, -2);
    const struct result *result =
        call->is_userdb
            ? find_result(userdb_results, sizeof userdb_results / sizeof userdb_results[0],
                          value)
            : find_result(passdb_results, sizeof passdb_results / sizeof passdb_results[0],
                          value);
    if (result == NULL) {
        reply_fail(arena, reply, "return",
                   "%s returned %g, which is none of dovecot.auth.%s_RESULT_*; Dovecot "
                   "would end its process",
                   place_of(call, name), value, family);
    }
    return result;
}

void reply_take(struct auth_call *call, const char *name, struct field_list *fields,
                struct auth_reply *reply)
{
    lua_State *L = call->thread;
    struct arena *arena = fields->arena;
    const struct result *result = code_of(call, name, reply);
    if (result == NULL) {
        return;
    }
    reply->answer = result->answer;
    reply->code = result->code;
    int type = lua_type(L, -1);
    bool has_fields = result->answer == AUTH_FOUND;
    if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TTABLE) {
        reply_fail(arena, reply, "return",
                   "%s returned a %s second: return a table of fields or a text",
                   place_of(call, name), luaL_typename(L, -1));
    } else if (has_fields && type == LUA_TTABLE) {
        take_table(call, name, fields);
    } else if (has_fields && type == LUA_TSTRING) {
        take_text(call, name, fields, lua_tostring(L, -1));
    } else if (has_fields) {
        warn(call, name,
             "no second value with OK: Dovecot 2.3 takes that for a failure; "
             "return {} with it");
    } else if (type == LUA_TSTRING && *lua_tostring(L, -1) != '\0') {
        reply->reason =
            text_printable(arena, auth_call_hide(call, lua_tostring(L, -1)), 500);
    } else if (result->code != NULL && strcmp(result->code, "next") == 0) {
        reply->reason = "the script leaves it to the next passdb";
    }
}
