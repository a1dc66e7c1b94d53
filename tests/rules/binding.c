/* SPDX-License-Identifier: MIT */
/* world.new()                            a world, not started
 * world.answer(mailbox, kind, text, room)   kind: fits over fails room silent
 * world.asked()                          list of { mailbox, bytes }
 * w:write(name, text)  w:rule(name, text)  w:set(assignment)  w:start()  w:close()
 * w:session(facts)                       session, verdict of connect
 * s:helo(name)  s:mail(arguments, facts)  s:rcpt(arguments)  s:finish()  give a verdict
 * s:data()  s:header(name, value)  s:end_of_headers()  s:body(bytes)  s:forget()  s:close()
 * A verdict is { kind, code, xcode, text, rule, detail }; finish also gives the edits. */
#include "binding.h"

#include "fake_quota.h"
#include "script/api.h"
#include "world.h"

#include <lauxlib.h>

enum { ARGUMENTS = 64 };

static const char *const WORLD = "test.world";
static const char *const SESSION = "test.session";

struct session_box {
    struct transaction *transaction;
};

static void set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value); /* nil for NULL */
    lua_setfield(L, -2, name);
}

static void verdict_push(lua_State *L, const struct verdict *verdict)
{
    lua_newtable(L);
    set_text(L, "kind", verdict_kind_name(verdict->kind));
    lua_pushinteger(L, verdict->code);
    lua_setfield(L, -2, "code");
    set_text(L, "xcode", verdict->xcode);
    set_text(L, "text", verdict->text);
    set_text(L, "rule", verdict->rule);
    value_push(L, &verdict->detail);
    lua_setfield(L, -2, "detail");
}

static void edits_push(lua_State *L, const struct edit_list *edits)
{
    lua_newtable(L);
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->edits[i];
        lua_newtable(L);
        set_text(L, "edit", edit_kind_name(edit->kind));
        set_text(L, "address", edit->address);
        set_text(L, "orcpt", edit->orcpt);
        set_text(L, "notify", edit->notify);
        set_text(L, "name", edit->name);
        set_text(L, "value", edit->value);
        lua_pushinteger(L, edit->index);
        lua_setfield(L, -2, "index");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* Strings of the list at index stay on the stack until the function returns. */
static const char *const *arguments_get(lua_State *L, int index, const char **arguments)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, index);
    luaL_argcheck(L, count < ARGUMENTS, index, "too many arguments");
    luaL_checkstack(L, ARGUMENTS, "arguments");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        arguments[i] = luaL_checkstring(L, -1);
    }
    arguments[count] = NULL;
    return arguments;
}

/* A field of the table at index, anchored there. */
static const char *field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static struct world *world_check(lua_State *L)
{
    return luaL_checkudata(L, 1, WORLD);
}

static int world_new(lua_State *L)
{
    world_begin(lua_newuserdatauv(L, sizeof(struct world), 0));
    luaL_setmetatable(L, WORLD);
    return 1;
}

static int write_to_world(lua_State *L)
{
    world_write(world_check(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    return 0;
}

static int rule_of_world(lua_State *L)
{
    world_write_rule(world_check(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    return 0;
}

static int set_in_world(lua_State *L)
{
    struct error error = {0};
    if (!world_set(world_check(L), luaL_checkstring(L, 2), &error)) {
        return luaL_error(L, "%s", error.text);
    }
    return 0;
}

static int start_world(lua_State *L)
{
    struct error error = {0};
    if (!world_start(world_check(L), &error)) {
        return luaL_error(L, "%s", error.text);
    }
    return 0;
}

static int close_world(lua_State *L)
{
    world_end(world_check(L));
    return 0;
}

static int world_answer(lua_State *L)
{
    static const char *const kinds[] = {"fits", "over", "fails", "room", "silent", NULL};
    fake_quota_answer(luaL_checkstring(L, 1),
                      (enum fake_answer)luaL_checkoption(L, 2, NULL, kinds),
                      luaL_optstring(L, 3, ""), luaL_optinteger(L, 4, 0));
    return 0;
}

static int world_asked(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < fake_quota_count(); i++) {
        lua_newtable(L);
        set_text(L, "mailbox", fake_quota_mailbox(i));
        lua_pushinteger(L, fake_quota_bytes(i));
        lua_setfield(L, -2, "bytes");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static struct transaction *session_check(lua_State *L)
{
    struct session_box *box = luaL_checkudata(L, 1, SESSION);
    luaL_argcheck(L, box->transaction != NULL, 1, "the session is closed");
    return box->transaction;
}

static int session_new_in_world(lua_State *L)
{
    struct world *world = world_check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "port");
    const struct peer peer = {
        .name = field(L, 2, "name"),
        .ip = field(L, 2, "ip"),
        .port = (int)luaL_optinteger(L, -1, 25252),
        .listener = field(L, 2, "listener"),
    };
    struct session_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->transaction = transaction_new(&world->parts.transactions);
    luaL_setmetatable(L, SESSION);
    struct verdict verdict = transaction_connect(box->transaction, &peer);
    verdict_push(L, &verdict);
    return 2;
}

static int session_helo(lua_State *L)
{
    struct verdict verdict = transaction_helo(session_check(L), luaL_checkstring(L, 2));
    verdict_push(L, &verdict);
    return 1;
}

static int session_mail(lua_State *L)
{
    const char *arguments[ARGUMENTS];
    luaL_checktype(L, 3, LUA_TTABLE);
    const struct mail_facts facts = {
        .login = field(L, 3, "login"),
        .login_method = field(L, 3, "login_method"),
        .tls_version = field(L, 3, "tls_version"),
        .tls_cipher = field(L, 3, "tls_cipher"),
        .queue_id = field(L, 3, "queue_id"),
    };
    struct verdict verdict =
        transaction_mail(session_check(L), &facts, arguments_get(L, 2, arguments));
    verdict_push(L, &verdict);
    return 1;
}

static int session_rcpt(lua_State *L)
{
    const char *arguments[ARGUMENTS];
    struct verdict verdict =
        transaction_rcpt(session_check(L), NULL, arguments_get(L, 2, arguments));
    verdict_push(L, &verdict);
    return 1;
}

static int session_data(lua_State *L)
{
    transaction_data(session_check(L), "QUEUEID");
    return 0;
}

static int session_header(lua_State *L)
{
    transaction_header(session_check(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    return 0;
}

static int session_end_of_headers(lua_State *L)
{
    struct verdict verdict = transaction_end_of_headers(session_check(L), NULL);
    verdict_push(L, &verdict);
    return 1;
}

static int session_body(lua_State *L)
{
    bool wants = transaction_body(session_check(L), (size_t)luaL_checkinteger(L, 2));
    lua_pushboolean(L, wants);
    return 1;
}

static int session_finish(lua_State *L)
{
    struct edit_list edits;
    struct verdict verdict = transaction_finish(session_check(L), NULL, &edits);
    verdict_push(L, &verdict);
    edits_push(L, &edits);
    return 2;
}

static int session_decisions(lua_State *L)
{
    const struct decision_list *decisions = transaction_decisions(session_check(L));
    lua_newtable(L);
    for (size_t i = 0; i < decisions->count; i++) {
        const struct decision *decision = &decisions->entries[i];
        verdict_push(L, &decision->verdict);
        set_text(L, "stage", decision->stage);
        set_text(L, "recipient", decision->recipient);
        set_text(L, "rule", decision->rule);
        set_text(L, "error", decision->error);
        lua_pushboolean(L, decision->shadow);
        lua_setfield(L, -2, "shadow");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int session_forget(lua_State *L)
{
    transaction_end(session_check(L));
    return 0;
}

static int session_close(lua_State *L)
{
    struct session_box *box = luaL_checkudata(L, 1, SESSION);
    transaction_free(&box->transaction);
    return 0;
}

static void type_open(lua_State *L, const char *type, const luaL_Reg *methods)
{
    luaL_newmetatable(L, type);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void binding_open(lua_State *L)
{
    static const luaL_Reg world[] = {
        {"write", write_to_world},
        {"rule", rule_of_world},
        {"set", set_in_world},
        {"start", start_world},
        {"close", close_world},
        {"session", session_new_in_world},
        {NULL, NULL},
    };
    static const luaL_Reg session[] = {
        {"helo", session_helo},           {"mail", session_mail},
        {"rcpt", session_rcpt},           {"data", session_data},
        {"header", session_header},       {"end_of_headers", session_end_of_headers},
        {"body", session_body},           {"finish", session_finish},
        {"decisions", session_decisions}, {"forget", session_forget},
        {"close", session_close},         {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"new", world_new},
        {"answer", world_answer},
        {"asked", world_asked},
        {NULL, NULL},
    };
    type_open(L, WORLD, world);
    type_open(L, SESSION, session);
    luaL_newlib(L, functions);
    lua_setglobal(L, "world");
}
