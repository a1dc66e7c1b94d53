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
#include "script/api.h"
#include "script/await.h"
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

static void explain_place(const char *place, const char **places, size_t *count)
{
    for (size_t i = 0; place != NULL && i < *count; i++) {
        if (strcmp(places[i], place) == 0) {
            return;
        }
    }
    if (place != NULL && *count < EXPLAINED_ALIASES) {
        places[(*count)++] = place;
    }
}

static void explain_alias(struct arena *arena, const struct via_step *step,
                          const char **aliases, size_t *count)
{
    explain_place(dms_alias_place(arena, step), aliases, count);
}

static const char *join(struct arena *arena, const char *const *texts, size_t count)
{
    const char *joined = count > 0 ? texts[0] : NULL;
    for (size_t i = 1; i < count; i++) {
        joined = arena_format(arena, "%s, %s", joined, texts[i]);
    }
    return joined;
}

struct directory api_directory(const struct call *call)
{
    struct directory directory = *call->stage_call->directory;
    directory.deadline_ms = call->deadline_ms;
    return directory;
}

static const char *volume_name(const struct call *call)
{
    return arena_format(call->scratch, "snapshot %" PRIu64,
                        snapshot_generation(call->stage_call->directory->snapshot));
}

static void explain(struct call *call, const char *source, const char *remark)
{
    if (observe_is_on(call)) {
        observe_source(call, source != NULL ? source : volume_name(call), remark);
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
        explain_place(recipient->source, aliases, &count);
    }
    explain(call, NULL, join(call->scratch, aliases, count));
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
    explain(call, NULL, join(call->scratch, aliases, count));
}

/* nil, reason: the reason is on top of the stack. */
static int cannot_tell(lua_State *L)
{
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* What a function asks, in a userdata: everything it needs without Lua. */
struct inquiry {
    struct directory directory;
    struct arena *arena; /* of the call */
    const struct address *address;
    const char *login; /* in the arena */
    struct ownership_options options;
    const char *domain;
    const struct expansion *expansion;
    struct answer answer;
    struct ownership ownership;
};

static struct inquiry *inquiry_new(lua_State *L)
{
    struct call *call = api_call(L);
    struct inquiry *inquiry = lua_newuserdatauv(L, sizeof *inquiry, 0);
    *inquiry = (struct inquiry){.directory = api_directory(call), .arena = call->scratch};
    return inquiry;
}

/* Asks, with the inquiry on top of the stack: at once where no source has to be waited for.
 */
static int inquire(lua_State *L, void (*ask)(void *inquiry), lua_KFunction end)
{
    int place = lua_gettop(L);
    struct inquiry *inquiry = lua_touserdata(L, place);
    if (directory_waits(&inquiry->directory)) {
        return await_work(L, ask, inquiry, place, end);
    }
    ask(inquiry);
    return end(L, LUA_OK, place);
}

static void ask_expansion(void *argument)
{
    struct inquiry *inquiry = argument;
    inquiry->expansion =
        resolve_address(inquiry->arena, inquiry->address, &inquiry->directory);
}

static int end_resolve(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct inquiry *inquiry = lua_touserdata(L, (int)place);
    explain_expansion(api_call(L), inquiry->expansion);
    expansion_push(L, inquiry->address, inquiry->expansion);
    return 1;
}

static int directory_resolve(lua_State *L)
{
    const struct address *address = address_check(L, 1);
    if (address == NULL) {
        return cannot_tell(L);
    }
    inquiry_new(L)->address = address;
    return inquire(L, ask_expansion, end_resolve);
}

/* What a single question's answer is to Lua, but a FOUND one. */
static int push_answer(lua_State *L, const struct answer *answer)
{
    explain(api_call(L), answer->source, NULL);
    if (answer->kind == ANSWER_FAILED ||
        (answer->kind == ANSWER_NOT_FOUND && answer->reason != NULL)) {
        lua_pushstring(L, answer->reason);
        return cannot_tell(L);
    }
    lua_pushboolean(L, answer->kind == ANSWER_FOUND);
    return 1;
}

static void ask_account(void *argument)
{
    struct inquiry *inquiry = argument;
    const struct question question = {.kind = QUESTION_MAILBOX,
                                      .key = inquiry->address->key};
    inquiry->answer = directory_answer(&inquiry->directory, &question, inquiry->arena);
}

static int end_account(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct inquiry *inquiry = lua_touserdata(L, (int)place);
    int count = push_answer(L, &inquiry->answer);
    if (inquiry->answer.kind == ANSWER_FOUND) {
        lua_pushstring(L, inquiry->answer.value);
    }
    return count;
}

static int directory_account(lua_State *L)
{
    const struct address *address = address_check(L, 1);
    if (address == NULL) {
        return cannot_tell(L);
    }
    inquiry_new(L)->address = address;
    return inquire(L, ask_account, end_account);
}

static void ask_domain(void *argument)
{
    struct inquiry *inquiry = argument;
    inquiry->answer =
        directory_find_domain(&inquiry->directory, inquiry->domain, inquiry->arena);
}

static int end_is_local(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct inquiry *inquiry = lua_touserdata(L, (int)place);
    return push_answer(L, &inquiry->answer);
}

static int directory_is_local(lua_State *L)
{
    char *domain = arena_copy(api_call(L)->scratch, luaL_checkstring(L, 1));
    text_fold(domain);
    inquiry_new(L)->domain = domain;
    return inquire(L, ask_domain, end_is_local);
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

static void ask_owner(void *argument)
{
    struct inquiry *inquiry = argument;
    inquiry->ownership = ownership_find(inquiry->arena, inquiry->login, inquiry->address,
                                        &inquiry->directory, &inquiry->options);
}

static int end_owns(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct inquiry *inquiry = lua_touserdata(L, (int)place);
    const struct ownership *ownership = &inquiry->ownership;
    explain_ownership(api_call(L), ownership);
    switch (ownership->kind) {
    case ANSWER_FAILED:
        lua_pushstring(L, ownership->reason);
        return cannot_tell(L);
    case ANSWER_FOUND:
        lua_pushboolean(L, true);
        lua_pushstring(L, ownership->proof);
        via_push(L, ownership->path, ownership->path_count);
        return 3;
    case ANSWER_NOT_FOUND:
        break;
    }
    lua_pushboolean(L, false);
    lua_pushstring(L, ownership->reason);
    return 2;
}

static int directory_owns(lua_State *L)
{
    struct arena *arena = api_call(L)->scratch;
    const char *login = arena_copy(arena, login_check(L));
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
        .login_domain = arena_copy(arena, text_option(L, "login_domain")),
    };
    const struct address *address = address_check(L, 2);
    if (address == NULL) {
        return cannot_tell(L);
    }
    struct inquiry *inquiry = inquiry_new(L);
    inquiry->login = login;
    inquiry->options = options;
    inquiry->address = address;
    return inquire(L, ask_owner, end_owns);
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
