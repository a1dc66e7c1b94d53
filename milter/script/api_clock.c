/* SPDX-License-Identifier: MIT */
/* clock.now()             seconds since the epoch (integer)
 * clock.date([seconds])   { year, month, day, hour, minute, second, weekday, yearday }
 * where the host is; weekday 1 is Monday clock.utc([seconds])    the same in UTC Without
 * seconds it is the moment at which the stage began: all its rules are told the same, also
 * after they waited. */
#include "script/api.h"

#include "script/observe.h"

#include <lauxlib.h>
#include <stdint.h>
#include <time.h>

static const lua_Integer year_1 = -INT64_C(62135596800),
                         year_9999_ends = INT64_C(253402300799);

static int clock_now(lua_State *L)
{
    struct call *call = api_call(L);
    observe_source(call, "clock", NULL);
    lua_pushinteger(L, call->began_seconds);
    return 1;
}

static void set_number(lua_State *L, const char *name, int value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static int date(lua_State *L, struct tm *(*convert)(const time_t *, struct tm *))
{
    struct call *call = api_call(L);
    observe_source(call, "clock", NULL);
    time_t seconds = call->began_seconds;
    if (!lua_isnoneornil(L, 1)) {
        seconds = api_integer(L, 1);
    }
    luaL_argcheck(L, seconds >= year_1 && seconds <= year_9999_ends, 1,
                  "not in the years 1 to 9999");
    struct tm parts = {0};
    convert(&seconds, &parts); /* fails for a year beyond int only */
    lua_createtable(L, 0, 8);
    set_number(L, "year", parts.tm_year + 1900);
    set_number(L, "month", parts.tm_mon + 1);
    set_number(L, "day", parts.tm_mday);
    set_number(L, "hour", parts.tm_hour);
    set_number(L, "minute", parts.tm_min);
    set_number(L, "second", parts.tm_sec);
    set_number(L, "weekday", parts.tm_wday == 0 ? 7 : parts.tm_wday); /* as in ISO 8601 */
    set_number(L, "yearday", parts.tm_yday + 1);
    return 1;
}

static int clock_date(lua_State *L)
{
    return date(L, localtime_r);
}

static int clock_utc(lua_State *L)
{
    return date(L, gmtime_r);
}

void api_clock_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"now", clock_now}, {"date", clock_date}, {"utc", clock_utc}, {NULL, NULL}};
    observe_library(L, "clock", functions);
}
