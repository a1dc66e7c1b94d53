/* SPDX-License-Identifier: MIT */
/* session(facts)                         session, verdict of connect
 * s:helo(name)  s:mail(arguments, facts)  s:rcpt(arguments)  s:end_of_headers()  s:finish()
 *                                        a verdict; finish also the edits
 * s:data()  s:header(name, value)  s:body(bytes)  s:forget()
 * s:decisions()                          list
 * A verdict is { kind, code, xcode, text, rule, detail }. */
#include "ruletest/binding.h"
#include "script/api.h"

#include <lauxlib.h>

enum { ARGUMENTS = 64 };

static const char *const session_type = "foregate.test.session";

static struct transaction *session_check(lua_State *L)
{
    struct transaction *const *box = luaL_checkudata(L, 1, session_type);
    binding_trial(L);
    return *box;
}

static void verdict_push(lua_State *L, const struct verdict *verdict)
{
    lua_newtable(L);
    binding_set_text(L, "kind", verdict_kind_name(verdict->kind));
    lua_pushinteger(L, verdict->code);
    lua_setfield(L, -2, "code");
    binding_set_text(L, "xcode", verdict->xcode);
    binding_set_text(L, "text", verdict->text);
    binding_set_text(L, "rule", verdict->rule);
    value_push(L, &verdict->detail);
    lua_setfield(L, -2, "detail");
}

static void edits_push(lua_State *L, const struct edit_list *edits)
{
    lua_newtable(L);
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->edits[i];
        lua_newtable(L);
        binding_set_text(L, "edit", edit_kind_name(edit->kind));
        binding_set_text(L, "address", edit->address);
        binding_set_text(L, "orcpt", edit->orcpt);
        binding_set_text(L, "notify", edit->notify);
        binding_set_text(L, "name", edit->name);
        binding_set_text(L, "value", edit->value);
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

/* What the gateway does behind an answer that ends the message. The message stays open for
 * questions about it, until the next one. */
static void conclude(lua_State *L, struct transaction *session,
                     const struct verdict *verdict, const struct edit_list *edits)
{
    verdict_push(L, verdict);
    transaction_conclude(session, verdict, edits);
}

static int session_end_of_headers(lua_State *L)
{
    struct transaction *session = session_check(L);
    struct verdict verdict = transaction_end_of_headers(session, NULL);
    if (verdict.kind == VERDICT_CONTINUE) {
        verdict_push(L, &verdict);
    } else {
        const struct edit_list none = {0};
        conclude(L, session, &verdict, &none);
    }
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
    struct transaction *session = session_check(L);
    struct edit_list edits;
    struct verdict verdict = transaction_finish(session, NULL, &edits);
    conclude(L, session, &verdict, &edits);
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
        binding_set_text(L, "stage", decision->stage);
        binding_set_text(L, "recipient", decision->recipient);
        binding_set_text(L, "rule", decision->rule);
        binding_set_text(L, "error", decision->error);
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

static int session_new_in_trial(lua_State *L)
{
    struct trial *trial = binding_trial(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    struct error error = {0};
    if (!trial->world.started && !world_start(&trial->world, &error)) {
        return luaL_error(L, "%s", error.text);
    }
    lua_getfield(L, 1, "port");
    const struct peer peer = {
        .name = field(L, 1, "name"),
        .ip = field(L, 1, "ip"),
        .port = (int)luaL_optinteger(L, -1, 25252),
        .listener = field(L, 1, "listener"),
    };
    struct transaction **box = lua_newuserdatauv(L, sizeof(void *), 0);
    *box = trial_add_session(trial);
    if (*box == NULL) {
        return luaL_error(L, "a test has at most %d sessions", TRIAL_SESSIONS);
    }
    luaL_setmetatable(L, session_type);
    struct verdict verdict = transaction_connect(*box, &peer);
    verdict_push(L, &verdict);
    return 2;
}

void binding_session_open(lua_State *L, struct trial *trial)
{
    static const luaL_Reg session[] = {
        {"helo", session_helo},
        {"mail", session_mail},
        {"rcpt", session_rcpt},
        {"data", session_data},
        {"header", session_header},
        {"end_of_headers", session_end_of_headers},
        {"body", session_body},
        {"finish", session_finish},
        {"decisions", session_decisions},
        {"forget", session_forget},
        {NULL, NULL},
    };
    luaL_newmetatable(L, session_type);
    lua_pushlightuserdata(L, trial);
    luaL_setfuncs(L, session, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushlightuserdata(L, trial);
    lua_pushcclosure(L, session_new_in_trial, 1);
    lua_setfield(L, -2, "session");
}
