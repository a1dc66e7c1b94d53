/* SPDX-License-Identifier: MIT */
/* Our find, match, gmatch and gsub beside those of the Lua that is linked: the same answers
 * and the same errors, for patterns of chance. */
#include "script/bounded.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CASES = 30000, TEXT_BYTES = 16 };

static const char chunk[] =
    "local subject, pattern, replacement, init = ...\n"
    "local out = {}\n"
    "local function add(...)\n"
    "  for i = 1, select('#', ...) do\n"
    "    out[#out + 1] = tostring((select(i, ...)))\n"
    "  end\n"
    "  out[#out + 1] = '|'\n"
    "end\n"
    "add(pcall(string.find, subject, pattern, init))\n"
    "add(pcall(string.find, subject, pattern, init, true))\n"
    "add(pcall(string.match, subject, pattern, init))\n"
    "add(pcall(string.gsub, subject, pattern, replacement))\n"
    "add(pcall(string.gsub, subject, pattern, replacement, 1))\n"
    "add(pcall(string.gsub, subject, pattern, { a = 'A', b = false, [1] = 'n' }))\n"
    "add(pcall(string.gsub, subject, pattern, function(...) return select('#', ...) end))\n"
    "add(pcall(function() for a, b, c in subject:gmatch(pattern, init) do add(a, b, c) end "
    "end))\n"
    "return (table.concat(out, ' '):gsub('0x%x+', 'address'))\n";

static uint32_t chance(uint32_t below)
{
    static uint64_t state = 42;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

static size_t text_make(char *text, const char *alphabet, size_t most)
{
    size_t length = chance((uint32_t)most + 1);
    for (size_t i = 0; i < length; i++) {
        uint32_t at = chance((uint32_t)strlen(alphabet) + 1); /* the NUL too */
        text[i] = at == strlen(alphabet) && chance(4) != 0 ? alphabet[0] : alphabet[at];
    }
    return length;
}

struct sample {
    char subject[TEXT_BYTES], pattern[TEXT_BYTES], replacement[TEXT_BYTES];
    size_t subject_length, pattern_length, replacement_length;
    int init;
};

static const char *answer(lua_State *L, const struct sample *sample)
{
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, sample->subject, sample->subject_length);
    lua_pushlstring(L, sample->pattern, sample->pattern_length);
    lua_pushlstring(L, sample->replacement, sample->replacement_length);
    lua_pushinteger(L, sample->init);
    if (lua_pcall(L, 4, 1, 0) != LUA_OK) {
        fail_msg("%s", lua_tostring(L, -1));
    }
    return lua_tostring(L, -1);
}

static lua_State *state_make(bool ours)
{
    lua_State *L = luaL_newstate();
    call_set(L, NULL);
    if (ours) {
        bounded_open(L);
    } else {
        luaL_openlibs(L);
    }
    assert_int_equal(luaL_loadbufferx(L, chunk, sizeof chunk - 1, "=chunk", "t"), LUA_OK);
    return L;
}

static void test_same_as_lua(void **unused)
{
    (void)unused;
    lua_State *ours = state_make(true);
    lua_State *theirs = state_make(false);
    for (int i = 0; i < CASES; i++) {
        struct sample sample = {.init = (int)chance(16) - 6};
        sample.subject_length = text_make(sample.subject, "aaabbA1 ()_", 12);
        sample.pattern_length = text_make(sample.pattern, "ab.%*+-?()[]^$1fb2dwDa", 10);
        sample.replacement_length = text_make(sample.replacement, "xy%%0121", 4);
        const char *want = answer(theirs, &sample);
        const char *got = answer(ours, &sample);
        if (strcmp(want, got) != 0) {
            fail_msg("subject \"%s\" pattern \"%s\" replacement \"%s\" init %d:\n%s\n%s",
                     sample.subject, sample.pattern, sample.replacement, sample.init, want,
                     got);
        }
    }
    lua_close(ours);
    lua_close(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
