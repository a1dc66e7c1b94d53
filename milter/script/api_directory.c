/* SPDX-License-Identifier: MIT */
/* directory.resolve(address)    { address, status, error, recipients = { { address, class,
 * mailbox, via = { ... } } ... }, domain_class, fault_address, fault_reason }
 * directory.account(address)    the account (text), or false when nobody has it
 * directory.is_local(domain)    true when the domain is one of ours, in its U-label or
 *                               A-label form
 * directory.owns(login, address [, options])
 *       true, the proof (text) and the path (list of texts), or false and why not.
 *       options: nested, catch_all, regexp, group (true unless given), subaddress,
 *       account_alias (false unless given), login_domain (text)
 * Each gives nil, reason when it cannot tell. address: a handle or a text. */
#include "base/text.h"
#include "directory/dms.h"
#include "directory/ownership.h"
#include "directory/resolve.h"
#include "mail/domain.h"
#include "script/api.h"
#include "script/bounded.h"
#include "script/observe.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <string.h>

static void set_text(lua_State *L, const char *name, const char *value)
{
    if (value != NULL) {
        lua_pushstring(L, value);
        lua_setfield(L, -2, name);
    }
}

static void via_push(lua_State *L, const struct via_step *via, size_t count)
{
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, via[i].address);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void expansion_push(lua_State *L, const struct address *address,
                           const struct expansion *expansion)
{
    lua_createtable(L, 0, 7);
    set_text(L, "address", address->external);
    set_text(L, "status", expansion_status_name(expansion->status));
    set_text(L, "domain_class", recipient_class_name(expansion->domain_class));
    if (expansion->status == EXPANSION_ERROR) {
        set_text(L, "error", expansion_fault_name(expansion->fault));
        set_text(L, "fault_address", expansion->fault_address);
        set_text(L, "fault_reason", expansion->fault_reason);
    }
    size_t count =
        expansion->recipient_count; /* relay too: what a trusted client's mail becomes */
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        lua_createtable(L, 0, 4);
        set_text(L, "address", recipient->address);
        set_text(L, "class", recipient_class_name(recipient->class));
        set_text(L, "mailbox", recipient->mailbox);
        via_push(L, recipient->via, recipient->via_count);
        lua_setfield(L, -2, "via");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "recipients");
}

/* Whose answer it is, and which aliases it comes from. */
enum { EXPLAINED_ALIASES = 8 };

static void explain_alias(struct arena *arena, const struct via_step *step,
                          const char **aliases, size_t *count)
{
    const char *alias =
        step->line > 0
            ? arena_format(arena, "%s:%d", dms_match_file(step->match), step->line)
            : dms_match_file(step->match);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(aliases[i], alias) == 0) {
            return;
        }
    }
    if (*count < EXPLAINED_ALIASES) {
        aliases[(*count)++] = alias;
    }
}

static const char *join(struct arena *arena, const char *const *texts, size_t count)
{
    const char *joined = count > 0 ? texts[0] : NULL;
    for (size_t i = 1; i < count; i++) {
        joined = arena_format(arena, "%s, %s", joined, texts[i]);
    }
    return joined;
}

static void explain(struct call *call, const char *remark)
{
    if (observe_is_on(call)) {
        const struct stage_call *stage = call->stage_call;
        observe_source(call,
                       arena_format(call->scratch, "snapshot %" PRIu64,
                                    snapshot_generation(stage->snapshot)),
                       remark);
    }
}

static void explain_expansion(struct call *call, const struct expansion *expansion)
{
    const char *aliases[EXPLAINED_ALIASES];
    size_t count = 0;
    if (!observe_is_on(call)) {
        return;
    }
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        for (size_t j = 0; j < recipient->via_count && count < EXPLAINED_ALIASES; j++) {
            explain_alias(call->scratch, &recipient->via[j], aliases, &count);
        }
    }
    explain(call, join(call->scratch, aliases, count));
}

static void explain_ownership(struct call *call, const struct ownership *ownership)
{
    const char *aliases[EXPLAINED_ALIASES];
    size_t count = 0;
    if (!observe_is_on(call)) {
        return;
    }
    for (size_t i = 0; i < ownership->path_count && count < EXPLAINED_ALIASES; i++) {
        explain_alias(call->scratch, &ownership->path[i], aliases, &count);
    }
    explain(call, join(call->scratch, aliases, count));
}

/* nil, reason: the reason is on top of the stack. */
static int cannot_tell(lua_State *L)
{
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int directory_resolve(lua_State *L)
{
    struct call *call = api_call(L);
    const struct address *address = address_check(L, 1);
    if (address == NULL) {
        return cannot_tell(L);
    }
    const struct expansion *expansion =
        resolve_address(call->scratch, address, call->stage_call->snapshot);
    explain_expansion(call, expansion);
    expansion_push(L, address, expansion);
    return 1;
}

static struct answer ask(lua_State *L, enum question_kind kind, const char *key)
{
    struct call *call = api_call(L);
    struct question question = {.kind = kind, .key = key};
    explain(call, NULL);
    return snapshot_answer(call->stage_call->snapshot, &question, call->scratch);
}

static int directory_account(lua_State *L)
{
    const struct address *address = address_check(L, 1);
    if (address == NULL) {
        return cannot_tell(L);
    }
    struct answer answer = ask(L, QUESTION_MAILBOX, address->key);
    if (answer.kind == ANSWER_FAILED) {
        lua_pushstring(L, answer.reason);
        return cannot_tell(L);
    }
    if (answer.kind == ANSWER_FOUND) {
        lua_pushstring(L, answer.value);
    } else {
        lua_pushboolean(L, false);
    }
    return 1;
}

static int directory_is_local(lua_State *L)
{
    struct call *call = api_call(L);
    char *domain = arena_copy(call->scratch, luaL_checkstring(L, 1));
    text_fold(domain);
    struct answer answer = ask(L, QUESTION_DOMAIN, domain);
    /* The U-labels of the A-labels are the U-labels in lower case, composed. */
    const char *form = domain;
    for (int forms = 2; answer.kind == ANSWER_NOT_FOUND && forms > 0; forms--) {
        form = domain_other_form(call->scratch, form);
        if (form == NULL) {
            break;
        }
        answer = ask(L, QUESTION_DOMAIN, form);
    }
    if (answer.kind == ANSWER_FAILED) {
        lua_pushstring(L, answer.reason);
        return cannot_tell(L);
    }
    lua_pushboolean(L, answer.kind == ANSWER_FOUND);
    return 1;
}

/* A misspelt one would be silently without effect. */
static void check_options(lua_State *L)
{
    static const char known[] =
        " nested catch_all regexp group subaddress account_alias login_domain ";
    luaL_checktype(L, 3, LUA_TTABLE);
    bounded_thaw(L, 3);
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        const char *found = name[0] != '\0' ? strstr(known, name) : NULL;
        if (found == NULL || found[-1] != ' ' || found[strlen(name)] != ' ') {
            luaL_error(L, "directory.owns takes the options%sand no %s", known,
                       luaL_tolstring(L, -2, NULL));
        }
    }
}

static bool option(lua_State *L, const char *name, bool initial)
{
    if (lua_isnoneornil(L, 3)) {
        return initial;
    }
    int type = lua_getfield(L, 3, name);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
        luaL_error(L, "directory.owns: %s is true or false, not a %s", name,
                   lua_typename(L, type));
    }
    bool value = type == LUA_TNIL ? initial : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static const char *text_option(lua_State *L, const char *name)
{
    if (lua_isnoneornil(L, 3) || lua_getfield(L, 3, name) == LUA_TNIL) {
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "directory.owns: %s is no text", name);
    }
    const char *text = lua_tostring(L, -1); /* it stays on the stack */
    return text[0] != '\0' ? text : NULL;
}

/* A login with a NUL in it is none: to C it would be another. */
static const char *login_check(lua_State *L)
{
    size_t length;
    const char *login = luaL_checklstring(L, 1, &length);
    return strlen(login) == length ? login : "";
}

static int directory_owns(lua_State *L)
{
    struct call *call = api_call(L);
    const char *login = login_check(L);
    if (!lua_isnoneornil(L, 3)) {
        check_options(L);
    }
    const struct ownership_options options = {
        .nested = option(L, "nested", true),
        .catch_all = option(L, "catch_all", true),
        .regexp = option(L, "regexp", true),
        .group = option(L, "group", true),
        .subaddress = option(L, "subaddress", false),
        .account_alias = option(L, "account_alias", false),
        .login_domain = text_option(L, "login_domain"),
    };
    const struct address *address = address_check(L, 2);
    if (address == NULL) {
        return cannot_tell(L);
    }
    struct ownership ownership =
        ownership_find(call->scratch, login, address, call->stage_call->snapshot, &options);
    explain_ownership(call, &ownership);
    switch (ownership.kind) {
    case ANSWER_FAILED:
        lua_pushstring(L, ownership.reason);
        return cannot_tell(L);
    case ANSWER_FOUND:
        lua_pushboolean(L, true);
        lua_pushstring(L, ownership.proof);
        via_push(L, ownership.path, ownership.path_count);
        return 3;
    case ANSWER_NOT_FOUND:
        break;
    }
    lua_pushboolean(L, false);
    lua_pushstring(L, ownership.reason);
    return 2;
}

void api_directory_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"resolve", directory_resolve},
        {"account", directory_account},
        {"is_local", directory_is_local},
        {"owns", directory_owns},
        {NULL, NULL},
    };
    observe_library(L, "directory", functions);
}
