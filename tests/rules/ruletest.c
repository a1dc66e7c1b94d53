/* SPDX-License-Identifier: MIT */
/* ruletest HARNESS FILE...: runs Lua test files against the real engine, transaction and
 * directory. Prints TAP; 1 when a test fails, or when a file has none. */
#include "binding.h"

#include "base/log.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>

static int with_traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* Leaves what the chunk returned on the stack; on failure prints why. */
static bool run(lua_State *L, const char *path, int results)
{
    lua_pushcfunction(L, with_traceback);
    int handler = lua_gettop(L);
    bool ok =
        luaL_loadfile(L, path) == LUA_OK && lua_pcall(L, 0, results, handler) == LUA_OK;
    if (!ok) {
        printf("Bail out! %s\n", lua_tostring(L, -1));
    }
    lua_remove(L, handler);
    return ok;
}

/* The harness returned a function that runs what a file has registered: run(path) gives the
 * number of failures. */
static int run_files(lua_State *L, char **paths, int count)
{
    int failures = 0;
    for (int i = 0; i < count; i++) {
        if (!run(L, paths[i], 0)) {
            return 1;
        }
        lua_pushvalue(L, 1);
        lua_pushstring(L, paths[i]);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
            printf("Bail out! %s\n", lua_tostring(L, -1));
            return 1;
        }
        failures += (int)lua_tointeger(L, -1);
        lua_settop(L, 1);
    }
    return failures;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: ruletest HARNESS FILE...\n");
        return 2;
    }
    /* The rules' own warnings are not the tests' output. */
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    setvbuf(stdout, NULL, _IOLBF, 0);
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    binding_open(L);
    int failures = 1;
    if (run(L, argv[1], 1)) {
        failures = run_files(L, argv + 2, argc - 2);
    }
    lua_close(L);
    return failures > 0 ? 1 : 0;
}
