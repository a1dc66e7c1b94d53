/* SPDX-License-Identifier: MIT */
/* dns.a(name), dns.aaaa(name)   list of addresses (texts)
 * dns.ptr(ip)                   list of names
 * dns.mx(name)                  list of { preference =, host = }, lowest preference first
 * dns.txt(name)                 list of texts, the strings of one record joined
 * All may wait. The list is empty when there is no such name or record; nil, reason when
 * the DNS cannot tell, or nobody can have such a name. */
#include "base/counter.h"
#include "base/text.h"
#include "io/dns.h"
#include "mail/decision.h"
#include "mail/domain.h"
#include "script/api.h"
#include "script/await.h"

#include <lauxlib.h>
#include <string.h>

enum { NOTE_RECORDS = 8, NOTE_BYTES = 100 };

static const char *describe(struct arena *arena, const struct dns_request *request)
{
    const struct dns_answer *answer = &request->answer;
    const char *text = answer->count == 0 ? "none" : "";
    for (size_t i = 0; i < answer->count && i < NOTE_RECORDS; i++) {
        const struct dns_record *record = &answer->records[i];
        const char *bytes = text_printable(arena, record->bytes, NOTE_BYTES);
        if (request->type == DNS_MX) {
            bytes = arena_format(arena, "%d %s", record->preference, bytes);
        }
        text = arena_format(arena, "%s%s%s", text, i > 0 ? ", " : "", bytes);
    }
    if (answer->count > NOTE_RECORDS) {
        text = arena_format(arena, "%s and %zu more", text, answer->count - NOTE_RECORDS);
    }
    return text;
}

/* Explain shows what was asked and answered. */
static void note(const struct call *call, const struct dns_request *request,
                 const struct error *error)
{
    const struct stage_call *stage = call->stage_call;
    if (!stage->decisions->complete) {
        return;
    }
    const char *text =
        error != NULL
            ? arena_format(stage->arena, "cannot tell: %s", error->text)
            : arena_format(stage->arena, "dns.%s %s: %s", dns_type_name(request->type),
                           request->name, describe(stage->arena, request));
    decision_note(stage->decisions, stage->arena, text);
}

static int cannot_tell(lua_State *L, const struct call *call,
                       const struct dns_request *request, const struct error *error)
{
    note(call, request, error);
    lua_pushnil(L);
    lua_pushstring(L, error->text);
    return 2;
}

static int on_answer(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    struct call *call = api_call(L);
    const struct dns_request *request = lua_touserdata(L, (int)context);
    if (!request->request.ok) {
        counter_add(COUNTER_DNS_FAILED, 1);
        return cannot_tell(L, call, request, &request->request.error);
    }
    note(call, request, NULL);
    lua_createtable(L, (int)request->answer.count, 0);
    for (size_t i = 0; i < request->answer.count; i++) {
        const struct dns_record *record = &request->answer.records[i];
        if (request->type == DNS_MX) {
            lua_createtable(L, 0, 2);
            lua_pushinteger(L, record->preference);
            lua_setfield(L, -2, "preference");
        }
        lua_pushlstring(L, record->bytes, record->length);
        if (request->type == DNS_MX) {
            lua_setfield(L, -2, "host");
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The DNS knows domains by their A-labels. */
static void use_a_labels(const struct call *call, struct dns_question *question)
{
    if (strlen(question->name) != question->length || question->type == DNS_PTR) {
        return;
    }
    for (size_t i = 0; i < question->length; i++) {
        if ((unsigned char)question->name[i] >= 0x80) {
            const char *ascii = domain_other_form(call->scratch, question->name);
            question->name = ascii != NULL ? ascii : question->name;
            question->length = strlen(question->name);
            return;
        }
    }
}

static int ask(lua_State *L, enum dns_type type)
{
    struct call *call = api_call(L);
    struct dns_question question = {.type = type};
    question.name = luaL_checklstring(L, 1, &question.length);
    lua_settop(L, 1);
    use_a_labels(call, &question);
    struct error error;
    struct dns_request *request = lua_newuserdatauv(L, sizeof *request, 0);
    if (!dns_request_init(request, call->services->dns, &question, call->scratch, &error)) {
        return cannot_tell(L, call, request, &error);
    }
    request->request.timeout_ms = await_timeout_ms(call, call->services->dns_timeout_ms);
    return await_request(L, &request->request, 2, on_answer);
}

static int dns_a(lua_State *L)
{
    return ask(L, DNS_A);
}

static int dns_aaaa(lua_State *L)
{
    return ask(L, DNS_AAAA);
}

static int dns_ptr(lua_State *L)
{
    return ask(L, DNS_PTR);
}

static int dns_mx(lua_State *L)
{
    return ask(L, DNS_MX);
}

static int dns_txt(lua_State *L)
{
    return ask(L, DNS_TXT);
}

void api_dns_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"a", dns_a},   {"aaaa", dns_aaaa}, {"ptr", dns_ptr},
        {"mx", dns_mx}, {"txt", dns_txt},   {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "dns");
}
