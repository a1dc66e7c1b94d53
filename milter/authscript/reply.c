/* SPDX-License-Identifier: MIT */
#include "authscript/reply.h"

#include "base/log.h"
#include "base/text.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A text may be the value of many fields, and costs the state nothing. */
enum { FIELD_COUNT = 1000, FIELD_BYTES = 4 << 20 };

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

static bool has_room(struct field_list *fields)
{
    if (arena_used(fields->arena) - fields->bytes_before > FIELD_BYTES) {
        fields->fault = "more than 4 MiB of fields";
    }
    return fields->fault == NULL;
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
        fields->fault = "more than 1000 fields";
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
    while (has_room(fields) && *(text += strspn(text, " ")) != '\0') {
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

/* Dovecot would cut it there, a password as well. */
static void check_text(lua_State *L, struct field_list *fields)
{
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    if (strlen(text) != length) {
        fields->fault = "a text with a NUL in it";
    }
}

/* As Dovecot: numbers become whole ones. */
static const char *value_of(lua_State *L, struct field_list *fields)
{
    struct arena *arena = fields->arena;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        check_text(L, fields);
        return arena_copy(arena, lua_tostring(L, -1));
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
        if (!has_room(fields)) {
            lua_pop(L, 2);
            return;
        }
        if (lua_type(L, -2) != LUA_TSTRING) {
            warn(call, function,
                 "a field whose name is no text is left out; Dovecot 2.3 ends its process");
            continue;
        }
        const char *name = lua_tostring(L, -2);
        const char *value = value_of(L, fields);
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
    if (!lua_isnumber(L, -2)) { /* "1" is one, as in Dovecot */
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

/* 2.4 allows it, 2.3 takes it for a failure: scripts of both are to run. Told once. */
static void warn_of_no_value(struct auth_call *call, const char *function)
{
    if (!atomic_exchange(&call->script->told_no_value, true)) {
        warn(
            call, function,
            "it returned a result without a second value: Dovecot 2.4 allows that, Dovecot "
            "2.3 takes it for a failure; for 2.3 return {} or \"\" with it");
    }
}

/* What OK came with: the value on top of the stack. */
static void take_fields(struct auth_call *call, const char *name, struct field_list *fields,
                        struct auth_reply *reply)
{
    lua_State *L = call->thread;
    fields->bytes_before = arena_used(fields->arena);
    if (lua_type(L, -1) == LUA_TTABLE) {
        take_table(call, name, fields);
    } else {
        check_text(L, fields);
        take_text(call, name, fields, lua_tostring(L, -1));
    }
    if (fields->fault != NULL) {
        reply_fail(fields->arena, reply, "return", "%s returned %s", place_of(call, name),
                   fields->fault);
    }
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
    if (type == LUA_TNIL) {
        warn_of_no_value(call, name);
    } else if (type != LUA_TSTRING && type != LUA_TTABLE) {
        reply_fail(arena, reply, "return",
                   "%s returned a %s second: return a table of fields or a text",
                   place_of(call, name), luaL_typename(L, -1));
    } else if (result->answer == AUTH_FOUND) {
        take_fields(call, name, fields, reply);
    } else if (type == LUA_TSTRING && *lua_tostring(L, -1) != '\0') {
        reply->reason =
            text_printable(arena, auth_call_hide(call, lua_tostring(L, -1)), 500);
    }
    if (reply->reason == NULL && result->code != NULL &&
        strcmp(result->code, "next") == 0) {
        reply->reason = "the script leaves it to the next passdb";
    }
}
