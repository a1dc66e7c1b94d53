/* SPDX-License-Identifier: MIT */
/* dns.a(name), dns.aaaa(name)   list of addresses (texts)
 * dns.ptr(ip)                   list of names
 * dns.mx(name)                  list of { preference =, host = }, lowest preference first
 * dns.txt(name)                 list of texts, the strings of one record joined
 * All may wait. The list is empty when there is no such name or record; nil, reason when
 * the DNS cannot tell, or nobody can have such a name. */
#include "base/counter.h"
#include "io/dns.h"
#include "mail/domain.h"
#include "script/api.h"
#include "script/await.h"
#include "script/observe.h"

#include <lauxlib.h>
#include <string.h>

static int cannot_tell(lua_State *L, const struct error *error)
{
    lua_pushnil(L);
    lua_pushstring(L, error->text);
    return 2;
}

static int on_answer(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    const struct dns_request *request = lua_touserdata(L, (int)context);
    if (!request->request.ok) {
        counter_add(COUNTER_DNS_FAILED, 1);
        return cannot_tell(L, &request->request.error);
    }
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
    observe_source(call, "dns", NULL);
    use_a_labels(call, &question);
    struct error error;
    struct dns_request *request = lua_newuserdatauv(L, sizeof *request, 0);
    if (!dns_request_init(request, call->services->dns, &question, call->scratch, &error)) {
        return cannot_tell(L, &error);
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
    observe_library(L, "dns", functions);
}
