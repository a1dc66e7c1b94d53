/* SPDX-License-Identifier: MIT */
/* quota.check(mailbox, bytes)  may wait. mailbox: text, the account that stores the mail.
 *   "fits"         room for so many bytes, which are taken from it for a while
 *   "over", text   the quota service's refusal
 *   nil, reason    cannot tell */
#include "base/clock.h"
#include "base/counter.h"
#include "script/api.h"
#include "script/await.h"

#include <lauxlib.h>
#include <string.h>

/* First the message with some headroom, for a lease; if that is refused, the message alone.
 */
struct check {
    struct quota_request request;
    int64_t size_bytes;
    bool with_headroom;
};

static int check_ask(lua_State *L, struct call *call, struct check *check, int index);

static int check_answer(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    struct call *call = api_call(L);
    struct check *check = lua_touserdata(L, (int)context);
    const struct quota_request *request = &check->request;
    if (!request->request.ok) {
        counter_add(COUNTER_QUOTA_FAILED, 1);
        lua_pushnil(L);
        lua_pushstring(L, request->request.error.text);
        return 2;
    }
    if (request->result == QUOTA_FITS) {
        if (check->with_headroom) {
            ledger_grant(call->services->ledger, request->mailbox,
                         call->services->lease_bytes, clock_monotonic_ms());
        }
        lua_pushliteral(L, "fits");
        return 1;
    }
    if (check->with_headroom) {
        ledger_refuse(call->services->ledger, request->mailbox, clock_monotonic_ms());
        check->with_headroom = false;
        return check_ask(L, call, check, (int)context);
    }
    lua_pushliteral(L, "over");
    lua_pushstring(L, request->text);
    return 2;
}

static int check_ask(lua_State *L, struct call *call, struct check *check, int index)
{
    int64_t bytes = check->size_bytes;
    if (check->with_headroom) {
        bytes += call->services->lease_bytes;
    }
    counter_add(COUNTER_QUOTA_ASKED, 1);
    const char *mailbox = check->request.mailbox;
    quota_request_init(&check->request, call->services->quota, mailbox, bytes);
    check->request.request.timeout_ms =
        await_timeout_ms(call, check->request.request.timeout_ms);
    return await_request(L, &check->request.request, index, check_answer);
}

static int quota_check(lua_State *L)
{
    struct call *call = api_call(L);
    size_t length;
    const char *mailbox = luaL_checklstring(L, 1, &length);
    luaL_argcheck(L, strlen(mailbox) == length, 1, "no mailbox has a NUL in its name");
    lua_Integer bytes = luaL_checkinteger(L, 2);
    luaL_argcheck(L, bytes >= 0 && bytes <= INT64_MAX / 4, 2, "no size");
    lua_settop(L, 2);
    int64_t size_bytes = bytes > 0 ? bytes : 1;
    int64_t now_ms = clock_monotonic_ms();
    if (ledger_spend(call->services->ledger, mailbox, size_bytes, now_ms)) {
        counter_add(COUNTER_QUOTA_LEASED, 1);
        lua_pushliteral(L, "fits");
        return 1;
    }
    struct check *check = lua_newuserdatauv(L, sizeof *check, 0);
    *check = (struct check){
        .size_bytes = size_bytes,
        .with_headroom = call->services->lease_bytes > 0 &&
                         !ledger_is_tight(call->services->ledger, mailbox, now_ms),
    };
    check->request.mailbox = mailbox; /* anchored as argument 1 */
    return check_ask(L, call, check, 3);
}

void api_quota_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"check", quota_check}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "quota");
}
