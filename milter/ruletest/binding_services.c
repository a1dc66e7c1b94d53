/* SPDX-License-Identifier: MIT */
/* quota(mailbox, kind, text, room)       kind: fits over fails room silent
 * dns(type, name, kind, records or reason)   kind: records fails silent
 * http(url, kind, answer or reason)      kind: answer fails silent
 * asked()                                list of { mailbox, bytes }
 * dns_asked()                            list of texts
 * http_asked()                           list of { method, url, body, headers } */
#include "ruletest/binding.h"

#include "base/text.h"

#include <lauxlib.h>
#include <string.h>

enum { RECORDS = 100 };

static int set_quota(lua_State *L)
{
    static const char *const kinds[] = {"fits", "over", "fails", "room", "silent", NULL};
    fake_quota_answer(binding_trial(L)->world.quota, luaL_checkstring(L, 1),
                      (enum fake_quota_kind)luaL_checkoption(L, 2, NULL, kinds),
                      luaL_checkstring(L, 3), luaL_checkinteger(L, 4));
    return 0;
}

static int quota_asked(lua_State *L)
{
    struct fake_quota *fake = binding_trial(L)->world.quota;
    size_t count = fake_quota_count(fake);
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        const char *mailbox;
        int64_t bytes;
        fake_quota_asked(fake, i, &mailbox, &bytes);
        lua_newtable(L);
        binding_set_text(L, "mailbox", mailbox);
        lua_pushinteger(L, bytes);
        lua_setfield(L, -2, "bytes");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The records in the table at index: texts, or tables with host and preference. Their bytes
 * stay in it. */
static void read_records(lua_State *L, int index, enum dns_type type,
                         struct dns_record *records, struct dns_answer *answer)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, index);
    luaL_argcheck(L, count <= RECORDS, index, "more than 100 records");
    for (size_t i = 0; i < count; i++) {
        struct dns_record *record = &records[i];
        *record = (struct dns_record){0};
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        if (type == DNS_MX) {
            luaL_checktype(L, -1, LUA_TTABLE);
            lua_getfield(L, -1, "preference");
            record->preference = (int)luaL_optinteger(L, -1, 10);
            lua_pop(L, 1);
            lua_getfield(L, -1, "host");
            lua_remove(L, -2);
        }
        if (lua_type(L, -1) != LUA_TSTRING) {
            luaL_error(L, "record %d: a text is wanted, not a %s", (int)i + 1,
                       luaL_typename(L, -1));
        }
        record->bytes = lua_tolstring(L, -1, &record->length);
        lua_pop(L, 1);
    }
    answer->records = records;
    answer->count = count;
}

static int set_dns(lua_State *L)
{
    static const char *const types[] = {"a", "aaaa", "ptr", "mx", "txt", NULL};
    static const char *const kinds[] = {"records", "fails", "silent", NULL};
    struct trial *trial = binding_trial(L);
    struct dns_question question = {.type =
                                        (enum dns_type)luaL_checkoption(L, 1, NULL, types)};
    question.name = luaL_checklstring(L, 2, &question.length);
    enum fake_dns_kind kind = (enum fake_dns_kind)luaL_checkoption(L, 3, NULL, kinds);
    struct dns_record records[RECORDS];
    struct dns_answer answer = {0};
    if (kind == FAKE_DNS_RECORDS) {
        read_records(L, 4, question.type, records, &answer);
    }
    const char *reason = kind == FAKE_DNS_FAILS ? luaL_checkstring(L, 4) : NULL;
    struct error error = {0};
    bool ok = fake_dns_answer(trial->world.dns, &question, kind, &answer, reason, &error);
    return binding_done(L, ok, &error);
}

static int dns_asked(lua_State *L)
{
    struct fake_dns *fake = binding_trial(L)->world.dns;
    size_t count = fake_dns_count(fake);
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, fake_dns_asked(fake, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const char *text_field(lua_State *L, int index, const char *name, size_t *length)
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TSTRING) {
        luaL_error(L, "%s: a text is wanted, not a %s", name, luaL_typename(L, -1));
    }
    const char *text = lua_tolstring(L, -1, length);
    lua_pop(L, 1); /* anchored in the table */
    return text;
}

/* In small letters, as they come from a server. */
static size_t read_headers(lua_State *L, int index, struct arena *arena,
                           const struct http_header **result)
{
    struct http_header *headers = NULL;
    size_t count = 0;
    size_t size = 0;
    if (lua_getfield(L, index, "headers") == LUA_TNIL) {
        lua_pop(L, 1);
        return 0;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
            luaL_error(L, "headers: { [name] = text } is wanted");
        }
        headers = arena_grow(arena, headers, count, &size, sizeof *headers);
        struct http_header *header = &headers[count++];
        header->name = text_fold_copy(arena, lua_tolstring(L, -2, &header->name_length));
        header->value = lua_tolstring(L, -1, &header->value_length);
    }
    lua_pop(L, 1);
    *result = headers;
    return count;
}

static int set_http(lua_State *L)
{
    static const char *const kinds[] = {"answer", "fails", "silent", NULL};
    struct trial *trial = binding_trial(L);
    const char *url = luaL_checkstring(L, 1);
    enum fake_http_kind kind = (enum fake_http_kind)luaL_checkoption(L, 2, NULL, kinds);
    struct http_answer answer = {0};
    if (kind == FAKE_HTTP_ANSWER) {
        luaL_checktype(L, 3, LUA_TTABLE);
        lua_getfield(L, 3, "status");
        answer.status = (int)luaL_optinteger(L, -1, 200);
        lua_pop(L, 1);
        answer.body = text_field(L, 3, "body", &answer.body_length);
        answer.header_count = read_headers(L, 3, trial->arena, &answer.headers);
    }
    const char *reason = kind == FAKE_HTTP_FAILS ? luaL_checkstring(L, 3) : NULL;
    fake_http_answer(trial->world.http, url, kind, &answer, reason);
    return 0;
}

static void push_question(lua_State *L, const struct http_question *question)
{
    lua_newtable(L);
    binding_set_text(L, "method", question->method);
    binding_set_text(L, "url", question->url);
    if (question->body != NULL) {
        lua_pushlstring(L, question->body, question->body_length);
        lua_setfield(L, -2, "body");
    }
    lua_newtable(L);
    for (size_t i = 0; i < question->header_count; i++) {
        const struct http_header *header = &question->headers[i];
        lua_pushlstring(L, header->name, header->name_length);
        lua_pushlstring(L, header->value, header->value_length);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "headers");
}

static int http_asked(lua_State *L)
{
    struct fake_http *fake = binding_trial(L)->world.http;
    size_t count = fake_http_count(fake);
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        push_question(L, fake_http_asked(fake, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void binding_services_open(lua_State *L, struct trial *trial)
{
    static const luaL_Reg functions[] = {
        {"quota", set_quota}, {"asked", quota_asked},
        {"dns", set_dns},     {"dns_asked", dns_asked},
        {"http", set_http},   {"http_asked", http_asked},
        {NULL, NULL},
    };
    lua_pushlightuserdata(L, trial);
    luaL_setfuncs(L, functions, 1);
}
