/* SPDX-License-Identifier: MIT */
/* quota.check(mailbox, bytes)  may wait. mailbox: text, the account that stores the mail.
 *   "fits"         room for so many bytes, which the message holds from now on
 *   "over", text   the quota service's refusal
 *   "busy", text   there would be room, but for mail that is on its way there
 *   nil, reason    cannot tell
 * At end of message what the message holds already counts. */
#include "base/clock.h"
#include "base/counter.h"
#include "directory/directory.h"
#include "directory/limit.h"
#include "quota/admission.h"
#include "quota/holds.h"
#include "script/api.h"
#include "script/await.h"
#include "script/observe.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <string.h>

/* Sums of some thousands of it are no overflow. */
static const lua_Integer most_bytes = INT64_C(1) << 48;

struct check {
    struct quota_admission admission; /* first */
    struct ledger_hold brief;         /* where there is no message to hold it */
};

static void explain(struct call *call, const char *source,
                    const struct quota_admission *admission)
{
    const struct ledger_claim *claim = &admission->claim;
    if (observe_is_on(call)) {
        observe_source(call, source,
                       arena_format(call->scratch,
                                    "%" PRId64 " bytes wanted, %" PRId64
                                    " on their way, lease %" PRId64 ", %d questions",
                                    claim->own_bytes + claim->bytes, claim->under_way_bytes,
                                    claim->lease_bytes, admission->question_count));
    }
}

static int answer(lua_State *L, struct call *call, struct quota_admission *admission)
{
    explain(call, ledger_source_name(admission->claim.source), admission);
    switch (admission->outcome) {
    case LEDGER_FITS:
        if (call->stage_call->message == NULL) {
            ledger_release(call->services->ledger, admission->claim.mailbox,
                           admission->claim.hold);
        }
        counter_add(COUNTER_QUOTA_LEASED, admission->claim.source == LEDGER_LEASE);
        lua_pushliteral(L, "fits");
        return 1;
    case LEDGER_OVER:
        counter_add(COUNTER_QUOTA_FULL, 1);
        lua_pushliteral(L, "over");
        break;
    case LEDGER_BUSY:
        counter_add(COUNTER_QUOTA_BUSY, 1);
        lua_pushliteral(L, "busy");
        break;
    case LEDGER_ASK:
        return luaL_error(L,
                          "quota: no answer"); /* never: the request would be under way */
    }
    lua_pushstring(L, admission->claim.text);
    return 2;
}

static int on_answer(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    struct call *call = api_call(L);
    struct quota_admission *admission = lua_touserdata(L, (int)context);
    if (!admission->request.ok) {
        counter_add(COUNTER_QUOTA_FAILED, 1);
        explain(call, admission->question.is_refused ? "breaker" : "asked", admission);
        lua_pushnil(L);
        lua_pushstring(L, admission->request.error.text);
        return 2;
    }
    return answer(L, call, admission);
}

/* As far as it is known already. */
static int64_t limit_of(const struct directory *directory, const char *mailbox,
                        struct arena *arena)
{
    const struct question question = {.kind = QUESTION_LIMIT, .key = mailbox};
    struct answer answer = directory_answer(directory, &question, arena);
    return answer.kind == ANSWER_FOUND ? limit_bytes(answer.value) : 0;
}

/* At RCPT one delivery more, unless the same recipient was named before; later, when all
 * deliveries are known, as much as they take beyond what is held. */
static struct ledger_claim claim_of(const struct call *call, const char *mailbox,
                                    int64_t bytes)
{
    const struct stage_call *stage = call->stage_call;
    const struct recipient *recipient = stage->recipient;
    const char *address = recipient != NULL ? recipient->address.key : NULL;
    struct quota_share share = {0};
    if (stage->holds != NULL) {
        share = quota_holds_share(stage->holds, mailbox, address, clock_monotonic_ms());
    }
    int64_t size = bytes + call->services->quota_overhead;
    int64_t wanted = size;
    if (recipient == NULL) {
        wanted = size * (share.copies > 0 ? share.copies : 1) - share.bytes;
    } else if (share.has_recipient) {
        wanted = 0;
    }
    return (struct ledger_claim){
        .mailbox = mailbox,
        .bytes = wanted > 0 ? wanted : 0,
        .copy_bytes = size,
        .own_bytes = share.bytes,
        .limit_bytes = limit_of(stage->directory, mailbox, call->scratch),
    };
}

static int quota_check(lua_State *L)
{
    struct call *call = api_call(L);
    struct stage_call *stage = call->stage_call;
    size_t length;
    const char *mailbox = luaL_checklstring(L, 1, &length);
    luaL_argcheck(L, strlen(mailbox) == length, 1, "no mailbox has a NUL in its name");
    lua_Integer bytes = api_integer(L, 2);
    luaL_argcheck(L, bytes >= 0, 2, "no size");
    lua_settop(L, 2);
    bytes = bytes > 0 ? bytes : 1;
    bytes = bytes < most_bytes ? bytes : most_bytes;
    struct ledger_claim claim = claim_of(call, mailbox, bytes);
    if (claim.bytes == 0) {
        observe_source(call, "held", NULL);
        lua_pushliteral(L, "fits"); /* and is held already */
        return 1;
    }
    struct check *check = lua_newuserdatauv(L, sizeof *check, 0);
    struct quota_admission *admission = &check->admission;
    const struct recipient *recipient = stage->recipient;
    check->brief = (struct ledger_hold){0};
    claim.hold = &check->brief;
    if (stage->message != NULL) {
        claim.hold = quota_holds_add(stage->holds, stage->arena, mailbox, recipient,
                                     recipient != NULL ? recipient->address.key : NULL);
    }
    int timeout_ms = await_timeout_ms(call, call->services->quota_timeout_ms);
    if (quota_admission_init(admission, call->services->desk, &claim, timeout_ms)) {
        return answer(L, call, admission);
    }
    return await_request(L, &admission->request, 3, on_answer);
}

void api_quota_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"check", quota_check}, {NULL, NULL}};
    observe_library(L, "quota", functions);
}
