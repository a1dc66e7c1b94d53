/* SPDX-License-Identifier: MIT */
/* Verdicts are values; a handler returns one, or nothing: no objection.
 *   reject(code, xcode, text [, detail])   defer(code, xcode, text [, detail])
 *   disconnect(code, xcode, text)          421 or 521: the server hangs up
 *   discard(reason)      data and finish: answered 250, delivered to nobody
 *   quarantine(reason)   finish: into the MTA's hold queue
 *   skip()               no more rules in this stage
 * detail: a table of plain values for the decision record, never shown to the client. */
#include "script/api.h"

#include <lauxlib.h>
#include <string.h>

static const char *const TYPE = "foregate.verdict";

/* Strings stand in the user values, in this order. */
enum { XCODE = 1, TEXT, DETAIL, USER_VALUES = DETAIL };

struct lua_verdict {
    enum verdict_kind kind;
    int code;
};

static const char *user_text(lua_State *L, int index, int which)
{
    lua_getiuservalue(L, index, which);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); /* still anchored in the verdict */
    return text;
}

/* Checks at the line of the rule that makes the verdict. */
static int verdict_make(lua_State *L, enum verdict_kind kind, int code, int xcode, int text,
                        int detail)
{
    struct lua_verdict *made = lua_newuserdatauv(L, sizeof *made, USER_VALUES);
    *made = (struct lua_verdict){.kind = kind, .code = code};
    int index = lua_gettop(L);
    const int arguments[] = {xcode, text, detail};
    for (int i = 0; i < USER_VALUES; i++) {
        if (arguments[i] != 0) {
            lua_pushvalue(L, arguments[i]);
            lua_setiuservalue(L, index, i + 1);
        }
    }
    luaL_setmetatable(L, TYPE);
    struct verdict verdict = {
        .kind = kind,
        .code = code,
        .xcode = user_text(L, index, XCODE),
        .text = user_text(L, index, TEXT),
    };
    struct error error = {0};
    if (!verdict_check(&verdict, &error)) {
        return luaL_error(L, "%s", error.text);
    }
    lua_settop(L, index);
    return 1;
}

/* C would see the part before a NUL only. */
static void check_text(lua_State *L, int argument)
{
    luaL_checktype(L, argument, LUA_TSTRING);
    size_t length;
    const char *text = lua_tolstring(L, argument, &length);
    luaL_argcheck(L, strlen(text) == length, argument, "printable ASCII, not a NUL");
}

static int reply(lua_State *L, enum verdict_kind kind)
{
    lua_Integer code = api_integer(L, 1);
    luaL_argcheck(L, code >= 0 && code <= 999, 1, "no reply code");
    check_text(L, 2);
    check_text(L, 3);
    lua_settop(L, 4);
    if (!lua_isnil(L, 4)) {
        /* Raises here, at the rule's line, for what could not be kept later; the copy is
         * out of the rule's reach. */
        luaL_checktype(L, 4, LUA_TTABLE);
        struct value detail = value_get(L, 4, api_call(L)->scratch);
        lua_settop(L, 3);
        value_push(L, &detail);
    }
    return verdict_make(L, kind, (int)code, 2, 3, 4);
}

static int api_reject(lua_State *L)
{
    return reply(L, VERDICT_REJECT);
}

static int api_defer(lua_State *L)
{
    return reply(L, VERDICT_DEFER);
}

static int api_disconnect(lua_State *L)
{
    return reply(L, VERDICT_DISCONNECT);
}

static int with_reason(lua_State *L, enum verdict_kind kind)
{
    check_text(L, 1);
    lua_settop(L, 1);
    return verdict_make(L, kind, 0, 0, 1, 0);
}

static int api_discard(lua_State *L)
{
    return with_reason(L, VERDICT_DISCARD);
}

static int api_quarantine(lua_State *L)
{
    return with_reason(L, VERDICT_QUARANTINE);
}

static int api_skip(lua_State *L)
{
    return verdict_make(L, VERDICT_SKIP, 0, 0, 0, 0);
}

bool verdict_get(lua_State *L, int index, struct arena *arena, struct verdict *verdict)
{
    index = lua_absindex(L, index);
    const struct lua_verdict *made = luaL_testudata(L, index, TYPE);
    if (made == NULL) {
        return false;
    }
    *verdict = (struct verdict){
        .kind = made->kind,
        .code = made->code,
        .xcode = arena_copy(arena, user_text(L, index, XCODE)),
        .text = arena_copy(arena, user_text(L, index, TEXT)),
    };
    lua_getiuservalue(L, index, DETAIL);
    verdict->detail =
        value_get(L, -1, arena); /* was checked when it was made: cannot raise */
    lua_pop(L, 1);
    return true;
}

void api_verdict_open(lua_State *L)
{
    luaL_newmetatable(L, TYPE);
    lua_pop(L, 1);
    static const luaL_Reg functions[] = {
        {"reject", api_reject},
        {"defer", api_defer},
        {"disconnect", api_disconnect},
        {"discard", api_discard},
        {"quarantine", api_quarantine},
        {"skip", api_skip},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
