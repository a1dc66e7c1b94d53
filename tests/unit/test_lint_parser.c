/* SPDX-License-Identifier: MIT */
/* The parser of lua/lint against Lua itself: data/lint_parser.lua, over all Lua files of
 * the project. */
#include <lauxlib.h>
#include <lualib.h>

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lua_State *collecting;

static int collect(const char *path, const struct stat *status, int kind)
{
    (void)status;
    size_t length = strlen(path);
    if (kind == FTW_F && length > 4 && strcmp(path + length - 4, ".lua") == 0) {
        lua_pushstring(collecting, path);
        lua_rawseti(collecting, -2, (lua_Integer)lua_rawlen(collecting, -2) + 1);
    }
    return 0;
}

static void test_agrees_with_lua(void **unused)
{
    (void)unused;
    static const char *const folders[] = {SOURCE "/lua", SOURCE "/rules",
                                          SOURCE "/tests/rules",
                                          SOURCE "/tests/command/lint"};
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_loadfile(L, SOURCE "/tests/unit/data/lint_parser.lua") != LUA_OK) {
        fail_msg("%s", lua_tostring(L, -1));
    }
    lua_pushstring(L, SOURCE "/lua");
    lua_newtable(L);
    collecting = L;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        assert_int_equal(ftw(folders[i], collect, 8), 0);
    }
    assert_true(lua_rawlen(L, -1) > 30);
    if (lua_pcall(L, 2, 2, 0) != LUA_OK) {
        fail_msg("%s", lua_tostring(L, -1));
    }
    assert_true(lua_tointeger(L, -2) > 1000); /* mutations */
    assert_true(lua_tointeger(L, -1) > 100);  /* rules examined */
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agrees_with_lua)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
