/* SPDX-License-Identifier: MIT */
/* http.request { url =, method =, headers = { [name] = value }, body =, timeout = }
 *   { status =, body =, headers = { [lower-case name] = value } }: every complete answer
 *   nil, reason: there is none
 * http.escape(text)  with %XX, for one part of a URL's path or query
 * The first may wait. timeout is in milliseconds, and only ever less than http.timeout. */
#include "base/counter.h"
#include "base/hash.h"
#include "io/http.h"
#include "script/api.h"
#include "script/await.h"
#include "script/bounded.h"
#include "script/observe.h"

#include <lauxlib.h>
#include <string.h>

/* Where a secret may be stands how long it is, and a few bits of it, which tell two calls
 * of a rule apart and give nothing away. */
static const char *hidden(struct arena *arena, const char *bytes, size_t length)
{
    unsigned bits = (unsigned)(hash_bytes(0, bytes, length) & 0xffff);
    return arena_format(arena, "(%zu bytes, %04x)", length, bits);
}

static void hide(struct arena *arena, struct value *value)
{
    if (value->type == VALUE_TEXT) {
        const char *text = hidden(arena, value->text.bytes, value->text.length);
        *value = value_text(arena, text, strlen(text));
    }
    for (size_t i = 0; value->type == VALUE_TABLE && i < value->table.count; i++) {
        hide(arena, &value->table.entries[i].value);
    }
}

/* User and password vanish, query and fragment are hidden; of a long path not all is shown.
 */
static void hide_url(struct arena *arena, struct value *url)
{
    enum { SHOWN_PATH = 100 };

    const char *scheme = url->type == VALUE_TEXT ? strstr(url->text.bytes, "://") : NULL;
    if (scheme == NULL) {
        hide(arena, url);
        return;
    }
    const struct http_question question = {.url = url->text.bytes};
    const char *text = http_question_place(arena, &question);
    const char *path = scheme + 3 + strcspn(scheme + 3, "/?#");
    size_t length = strcspn(path, "?#");
    if (path[length] != '\0' || length > SHOWN_PATH) {
        text = arena_format(arena, "%s%s", text, hidden(arena, path, strlen(path)));
    }
    *url = value_text(arena, text, strlen(text));
}

/* A field that there is not may be a misspelt one. */
static void hide_secrets(struct arena *arena, struct value_list *arguments)
{
    for (size_t i = 0; i < arguments->count; i++) {
        struct value *table = &arguments->values[i];
        if (table->type != VALUE_TABLE) {
            hide(arena, table);
        }
        for (size_t j = 0; table->type == VALUE_TABLE && j < table->table.count; j++) {
            struct value_entry *entry = &table->table.entries[j];
            const char *name = entry->key.type == VALUE_TEXT ? entry->key.text.bytes : "";
            if (strcmp(name, "url") == 0) {
                hide_url(arena, &entry->value);
            } else if (strcmp(name, "method") != 0) {
                hide(arena, &entry->value);
            }
        }
    }
}

static void explain(struct call *call, const struct http_request *request)
{
    if (observe_is_on(call)) {
        const struct http_answer *answer = &request->answer;
        observe_source(call, "http",
                       request->request.ok
                           ? arena_format(call->scratch, "%d, %zu bytes", answer->status,
                                          answer->body_length)
                           : NULL);
    }
}

/* Of several headers of one name the values are joined (RFC 9110 5.3). */
static void push_headers(lua_State *L, const struct http_answer *answer)
{
    lua_createtable(L, 0, (int)answer->header_count);
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        lua_pushlstring(L, header->value, header->value_length);
        if (lua_getfield(L, -2, header->name) == LUA_TSTRING) {
            lua_pushliteral(L, ", ");
            lua_pushvalue(L, -3);
            lua_concat(L, 3);
            lua_replace(L, -2);
        } else {
            lua_pop(L, 1);
        }
        lua_setfield(L, -2, header->name);
    }
}

static int on_answer(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    struct call *call = api_call(L);
    const struct http_request *request = lua_touserdata(L, (int)context);
    explain(call, request);
    if (!request->request.ok) {
        counter_add(COUNTER_HTTP_FAILED, 1);
        lua_pushnil(L);
        lua_pushstring(L, request->request.error.text);
        return 2;
    }
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, request->answer.status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, request->answer.body, request->answer.body_length);
    lua_setfield(L, -2, "body");
    push_headers(L, &request->answer);
    lua_setfield(L, -2, "headers");
    return 1;
}

static int refuse(lua_State *L, const char *field, const char *wanted)
{
    return luaL_error(L, "http.request: %s is to be %s, not a %s", field, wanted,
                      luaL_typename(L, -1));
}

/* The text of a field on top of the stack, which the table keeps. */
static const char *text_of(lua_State *L, const char *field, size_t *length)
{
    if (lua_type(L, -1) != LUA_TSTRING) {
        refuse(L, field, "a text");
    }
    return lua_tolstring(L, -1, length);
}

static void take_headers(lua_State *L, struct arena *arena, struct http_question *question)
{
    if (!lua_istable(L, -1)) {
        refuse(L, "headers", "a table");
    }
    size_t size = 0;
    struct http_header *headers = NULL;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        struct http_header header;
        lua_pushvalue(L, -2);
        header.name = text_of(L, "the name of a header", &header.name_length);
        lua_pop(L, 1);
        header.value = text_of(L, "the value of a header", &header.value_length);
        lua_pop(L, 1);
        headers = arena_grow(arena, headers, question->header_count, &size, sizeof header);
        headers[question->header_count++] = header;
        if (question->header_count > HTTP_HEADERS) {
            luaL_error(L, "http.request: more than %d headers", HTTP_HEADERS);
        }
    }
    question->headers = headers;
}

/* Takes the field whose value is on top of the stack; the table keeps what it borrows. */
static void take_field(lua_State *L, const char *field, struct http_question *question,
                       int *timeout_ms)
{
    size_t length;
    if (strcmp(field, "url") == 0) {
        question->url = text_of(L, field, &question->url_length);
    } else if (strcmp(field, "method") == 0) {
        question->method = text_of(L, field, &length);
        question->method = strlen(question->method) == length ? question->method : "";
    } else if (strcmp(field, "body") == 0) {
        question->body = text_of(L, field, &question->body_length);
    } else if (strcmp(field, "headers") == 0) {
        take_headers(L, api_call(L)->scratch, question);
    } else if (strcmp(field, "timeout") == 0) {
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1) {
            refuse(L, field, "milliseconds, a whole number of at least 1");
        }
        lua_Integer wanted = lua_tointeger(L, -1);
        *timeout_ms = wanted < *timeout_ms ? (int)wanted : *timeout_ms;
    } else {
        luaL_error(L,
                   "http.request: there is no field %s; the fields are url, method, "
                   "headers, body, timeout",
                   field);
    }
}

static int http_request(lua_State *L)
{
    struct call *call = api_call(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct http_question question = {0};
    int timeout_ms = call->services->http_timeout_ms;
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            return luaL_error(L, "http.request: the fields are url, method, headers, body, "
                                 "timeout");
        }
        take_field(L, lua_tostring(L, -2), &question, &timeout_ms);
        lua_pop(L, 1);
    }
    if (question.url == NULL) {
        return luaL_error(L, "http.request: the field url is missing");
    }
    struct error error;
    struct http_request *request = lua_newuserdatauv(L, sizeof *request, 0);
    if (!http_request_init(request, call->services->http, &question, call->scratch,
                           &error)) {
        return luaL_error(L, "http.request: %s", error.text);
    }
    request->request.timeout_ms = await_timeout_ms(call, timeout_ms);
    return await_request(L, &request->request, 2, on_answer);
}

static int http_escape_text(lua_State *L)
{
    struct call *call = api_call(L);
    size_t length;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &length);
    if (length > HTTP_URL_BYTES) {
        return limit_size(L, "http.escape takes at most %d bytes", HTTP_URL_BYTES);
    }
    lua_pushstring(L, http_escape(call->scratch, bytes, length));
    return 1;
}

void api_http_open(lua_State *L)
{
    static const luaL_Reg request = {"request", http_request};
    static const struct observe_mask mask = {.hide = hide_secrets};
    lua_newtable(L);
    observe_function(L, "http.request", &request, &mask);
    lua_setfield(L, -2, "request");
    lua_pushcfunction(L, http_escape_text); /* asks nobody */
    lua_setfield(L, -2, "escape");
    lua_setfield(L, -2, "http");
}
