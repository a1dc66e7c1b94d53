/* SPDX-License-Identifier: MIT */
/* write(name, text)  rule(name, text)  set(name, value)  fault(key, reason)
 *                                        before the first session
 * clock_set(seconds)  clock_advance(seconds)  clock_seconds()
 * lines()                                what was logged: list of texts
 * counters()                             { name = difference since the test began }
 * print(text)                            one line of the output
 * and those of binding_services.c and binding_session.c */
#include "ruletest/binding.h"

#include "base/clock.h"
#include "base/text.h"
#include "ruletest/log_lines.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

enum { PRINTED_LINES = 100, PRINTED_BYTES = 1000 };

/* A rule that loops ends by this, since time stands still for it. */
static const lua_Integer instructions_most = 100000000;

struct trial *binding_trial(lua_State *L)
{
    struct trial *trial = lua_touserdata(L, lua_upvalueindex(1));
    if (trial == NULL) {
        luaL_error(L, "only inside of a test");
    } else if (trial_is_late(trial)) {
        luaL_error(L, "the test takes longer than %d seconds", TRIAL_LIMIT_MS / 1000);
    }
    return trial;
}

void binding_set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value); /* nil for NULL */
    lua_setfield(L, -2, name);
}

static struct world *world_to_change(lua_State *L)
{
    struct world *world = &binding_trial(L)->world;
    if (world->started) {
        luaL_error(L, "too late: everything was loaded with the first session");
    }
    return world;
}

int binding_done(lua_State *L, bool ok, const struct error *error)
{
    return ok ? 0 : luaL_error(L, "%s", error->text);
}

static int write_to_volume(lua_State *L)
{
    struct error error = {0};
    bool ok = world_write(world_to_change(L), luaL_checkstring(L, 1),
                          luaL_checkstring(L, 2), &error);
    return binding_done(L, ok, &error);
}

static int write_rule(lua_State *L)
{
    struct error error = {0};
    bool ok = world_write_rule(world_to_change(L), luaL_checkstring(L, 1),
                               luaL_checkstring(L, 2), &error);
    return binding_done(L, ok, &error);
}

static int set_option(lua_State *L)
{
    static const char *const own[] = {"dms.volume", "directory.sources", "rules.path",
                                      "lua.path"};
    struct error error = {0};
    const char *name = luaL_checkstring(L, 1);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(name, own[i]) == 0) {
            return luaL_error(L, "option %s is not for tests: it belongs to the runner",
                              name);
        }
    }
    if (strcmp(name, "rule.instructions") == 0 && lua_tointeger(L, 2) > instructions_most) {
        return luaL_error(L, "rule.instructions: at most %I in a test", instructions_most);
    }
    bool ok = world_set(world_to_change(L), name, luaL_checkstring(L, 2), &error);
    return binding_done(L, ok, &error);
}

static int add_fault(lua_State *L)
{
    world_add_fault(world_to_change(L), luaL_checkstring(L, 1), luaL_checkstring(L, 2));
    return 0;
}

static int set_clock(lua_State *L)
{
    binding_trial(L);
    clock_set(luaL_checkinteger(L, 1));
    return 0;
}

static int advance_clock(lua_State *L)
{
    binding_trial(L);
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 1, "out of range");
    clock_advance((int64_t)(seconds * 1000 + 0.5));
    return 0;
}

static int tell_clock(lua_State *L)
{
    binding_trial(L);
    lua_pushinteger(L, clock_seconds());
    return 1;
}

static int logged_lines(lua_State *L)
{
    binding_trial(L);
    if (log_lines_is_full()) {
        return luaL_error(L, "the test logs too much: lines are lost");
    }
    size_t count = log_lines_count();
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, log_lines_get(i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int counted(lua_State *L)
{
    const struct trial *trial = binding_trial(L);
    lua_newtable(L);
    for (int i = 0; i < COUNTER_COUNT; i++) {
        lua_pushinteger(L, counter_get((enum counter)i) - trial->counters[i]);
        lua_setfield(L, -2, counter_name((enum counter)i));
    }
    return 1;
}

static int print_line(lua_State *L)
{
    struct trial *trial = binding_trial(L);
    const char *text = luaL_checkstring(L, 1);
    if (trial->line_count < PRINTED_LINES) {
        struct arena *arena = arena_new();
        printf("# %s\n", text_printable(arena, text, PRINTED_BYTES));
        arena_free(&arena);
    }
    trial->line_count++;
    return 0;
}

void binding_push(lua_State *L, struct trial *trial)
{
    static const luaL_Reg functions[] = {
        {"write", write_to_volume},
        {"rule", write_rule},
        {"set", set_option},
        {"fault", add_fault},
        {"clock_set", set_clock},
        {"clock_advance", advance_clock},
        {"clock_seconds", tell_clock},
        {"lines", logged_lines},
        {"counters", counted},
        {"print", print_line},
        {NULL, NULL},
    };
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, trial);
    luaL_setfuncs(L, functions, 1);
    binding_services_open(L, trial);
    binding_session_open(L, trial);
}
