/* SPDX-License-Identifier: MIT */
/* Ways out of the sandbox that are none, and texts that are no numbers. */
#include "rule_fixture.h"

/* Each body tries to get at something, or to change what other rules and later calls see.
 */
static const char prelude[] =
    "local seen = {}\n"
    "return { name = 'probe',\n"
    "  settings = { words = { 'list', 'one two', '' }, answer = { 'reply', '550 5.7.1 No', "
    "'' } },\n"
    "  mail = function(session, message, settings)\n"
    "    if message.sender.key == 'good@x.example' then\n"
    "      return reject(550, '5.7.1', ('works'):upper() .. #settings.words .. "
    "settings.words[1] .. settings.answer.text .. #string.rep('x', 3) .. math.max(1, 2)) "
    "end\n"
    "    local function no(x) if x then return reject(550, '5.7.1', 'escaped') end end\n";

struct attempt {
    const char *body;
    const char *error; /* NULL: it ends without one, and without a verdict */
};

static const struct attempt attempts[] = {
    {"return no(os)", "no global \"os\""},
    {"return no(io)", "no global \"io\""},
    {"return no(debug)", "no global \"debug\""},
    {"return no(load)", "no global \"load\""},
    {"return no(loadstring)", "no global \"loadstring\""},
    {"return no(loadfile)", "no global \"loadfile\""},
    {"return no(dofile)", "no global \"dofile\""},
    {"return no(require)", "no global \"require\""},
    {"return no(package)", "no global \"package\""},
    {"return no(coroutine)", "no global \"coroutine\""},
    {"return no(collectgarbage)", "no global \"collectgarbage\""},
    {"return no(print)", "no global \"print\""},
    {"return no(warn)", "no global \"warn\""},
    {"return no(rawset)", "no global \"rawset\""},
    {"return no(rawget)", "no global \"rawget\""},
    {"return no(rawequal)", "no global \"rawequal\""},
    {"return no(setmetatable)", "no global \"setmetatable\""},
    {"return no(getmetatable(''))", "no global \"getmetatable\""},
    {"return no(_G)", "no global \"_G\""},
    {"return no(_ENV._G)", "no global \"_G\""},
    {"return no(_ENV.os)", "no global \"os\""},
    {"return no(_VERSION)", "no global \"_VERSION\""},
    {"_ENV.string = {}", "cannot be set"},
    {"_ENV.reject = function() end", "cannot be set"},
    {"for name in pairs(_ENV) do return no(name) end", NULL},
    {"return no(next(_ENV))", NULL},
    {"return no(string.dump)", NULL},
    {"return no(('').dump)", NULL},
    {"return no(string.pack or string.unpack)", NULL},
    {"return no(math.randomseed)", NULL},
    {"string.find = error", "string is frozen"},
    {"('').find = error", "attempt to index a string value"},
    {"local s = 'x' s.upper = error", "attempt to index a string value"},
    {"table.insert(string, 'x')", "string is frozen"},
    {"table.remove(settings.words)", "frozen"},
    {"table.remove(settings.words, 1)", "frozen"},
    {"table.insert(settings.words, 1, 'x')", "frozen"},
    {"table.sort(settings.words, function(a, b) return a > b end)", "frozen"},
    {"table.move({ 'x' }, 1, 1, 1, settings.words)", "frozen"},
    {"settings.words[1] = 'x'", "settings.words is frozen"},
    {"settings.words[3] = 'x'", "settings.words is frozen"},
    {"settings.answer.text = 'x'", "settings.answer is frozen"},
    {"for _, list in pairs(settings) do if type(list) == 'table' then list[1] = 'x' end "
     "end",
     "frozen"},
    {"local _, list = next(settings) list[1] = 'x' list.text = 'x'", "frozen"},
    {"table.move({ error }, 1, 1, 1, math)", "math is frozen"},
    {"for k, v in next, string do if k == 'dump' then return no(k) end end", NULL},
    {"local step, state = pairs(string) pcall(function() state.rep = nil end)\n"
     "local _, f = step(state) return no(type(f) ~= 'function')",
     NULL},
    {"local step, state = pairs(string) for k in step, state do\n"
     "pcall(function() state[k] = nil end) end",
     NULL},
    {"('x'):gsub('.', string)", NULL},
    {"('rep'):gsub('.*', function(k) string[k] = nil end)", "string is frozen"},
    {"local ok, e = pcall(error, string) e.rep = nil", "string is frozen"},
    {"local ok, e = xpcall(function() error(settings) end, function(e) return e end)\n"
     "e.words = nil",
     "settings is frozen"},
    {"local ok, e = pcall(function() error(setmetatable) end)", NULL},
    {"local r = all { function() return string end } r[1][1].rep = nil",
     "string is frozen"},
    {"all { function() all = nil end }", "cannot be set"},
    {"local _ENV = { string = string } string.rep = nil", "string is frozen"},
    {"local _ENV = { } return x.y", "attempt to index a nil value"},
    {"local v = reject(550, '5.7.1', 'x') v.code = 250", "attempt to index"},
    {"session.login = 'x'", "cannot be set"},
    {"message.sender.key = 'x'", "cannot be set"},
    {"message.__index = 'x'", "cannot be set"},
    {"return no(session.__index)", "no field \"__index\""},
    {"return no(message.__newindex)", "no field"},
    {"return no(message.__gc)", "no field"},
    {"local x <close> = message", "non-closable"},
    {"local x <close> = { __close = function() end }", "non-closable"},
    {"for a in next, {}, nil, message do end", "non-closable"},
    {"local t = { __index = string, __gc = error, __metatable = 1 } return no(t.rep)",
     NULL},
    {"seen.f = seen.f or string.rep return no(seen.f ~= string.rep)", NULL},
    {"return no(#('%p'):format(string) == 0)", NULL},
    {"tostring(setmetatable)", "no global"},
    {"select(-2, 1)", "out of range"},
    {"return no(message.sender < message.sender)", "attempt to compare"},
};

/* + of texts, and texts where a number belongs. */
static const struct attempt coercions[] = {
    {"return '10' + 1", "arithmetic on a string value"},
    {"return 1 + '10'", "arithmetic on a string value"},
    {"return '10' - 1", "arithmetic on a string value"},
    {"return '10' * '2'", "arithmetic on a string value"},
    {"return '10' / 2", "arithmetic on a string value"},
    {"return '10' // 2", "arithmetic on a string value"},
    {"return '10' % 3", "arithmetic on a string value"},
    {"return '10' ^ 2", "arithmetic on a string value"},
    {"return -'10'", "arithmetic on a string value"},
    {"local s = message.sender.local_part return s + 1", "arithmetic on a string value"},
    {"return '10' | 1", "bitwise operation on a string"},
    {"return '10' & 1", "bitwise operation on a string"},
    {"return '10' << 1", "bitwise operation on a string"},
    {"return ~'10'", "bitwise operation on a string"},
    {"return '10' < 11", "compare"},
    {"return no('10' == 10)", NULL},
    {"return ('x'):rep('3')", "number expected, got string"},
    {"return ('x'):sub('1')", "number expected, got string"},
    {"return ('x'):sub(1, '1')", "number expected, got string"},
    {"return ('x'):byte('1')", "number expected, got string"},
    {"return ('x'):find('x', '1')", "number expected, got string"},
    {"return ('x'):match('x', '1')", "number expected, got string"},
    {"return ('x'):gmatch('x', '1')", "number expected, got string"},
    {"return ('x'):gsub('x', 'y', '1')", "number expected, got string"},
    {"return string.char('65')", "number expected, got string"},
    {"return ('%d'):format('10')", "number expected, got string"},
    {"return ('\\0%d'):format('10')", "number expected, got string"},
    {"return ('%5.1f %s'):format('10', 'x')", "number expected, got string"},
    {"return ('%s %x'):format('x', '10')", "number expected, got string"},
    {"return no(('%s%%%q'):format('10', 'x') ~= '10%\"x\"')", NULL},
    {"return math.floor('10')", "number expected, got string"},
    {"return math.max(1, 2, '3')", "number expected, got string"},
    {"return math.tointeger('3')", "number expected, got string"},
    {"return utf8.char('65')", "number expected, got string"},
    {"return table.concat({ 1 }, '', '1')", "number expected, got string"},
    {"return table.insert({}, '1', 'x')", "number expected, got string"},
    {"return table.remove({ 1 }, '1')", "number expected, got string"},
    {"return table.unpack({ 1 }, '1')", "number expected, got string"},
    {"return quota.check('alice@example.com', '1')", "number expected, got string"},
    {"return reject('550', '5.7.1', 'x')", "number expected, got string"},
    {"message:set_header('X', '1', 'y')", "number expected, got string"},
    {"return message:header_addresses('From', '1')", "number expected, got string"},
    {"return tonumber('10', '16')", "number expected, got string"},
    {"return select('2', 1, 2)", "number expected, got string"},
    {"return no(select('#', 1, 2) ~= 2 or select(2, 1, 2) ~= 2)", NULL},
    {"return no(tonumber('10') ~= 10 or tonumber('0x10') ~= 16)", NULL},
    {"return no('a' .. 1 ~= 'a1')", NULL},
};

static void expect_attempt(struct fixture *fixture, const struct attempt *tried)
{
    bool fails = tried->error != NULL;
    struct verdict verdict = fixture_mail(fixture, "<bad@x.example>");
    if (verdict.kind != (fails ? VERDICT_DEFER : VERDICT_CONTINUE)) {
        fail_msg("%s: %s", tried->body, verdict.text != NULL ? verdict.text : "no verdict");
    }
    expect_part(fixture_error(fixture), fails ? tried->error : "", tried->body);
}

/* Twice, then what rules share is as it was. */
static void expect_attempts(const struct attempt *tried, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture fixture;
        char rule[4096];
        snprintf(rule, sizeof rule, "%s    %s\n  end }\n", prelude, tried[i].body);
        fixture_begin(&fixture, rule);
        fixture_open(&fixture);
        expect_attempt(&fixture, &tried[i]);
        expect_attempt(&fixture, &tried[i]);
        expect_part(fixture_mail(&fixture, "<good@x.example>").text, "WORKS2oneNo32",
                    tried[i].body);
        fixture_end(&fixture);
    }
}

static void test_no_way_out(void **unused)
{
    (void)unused;
    expect_attempts(attempts, sizeof attempts / sizeof attempts[0]);
}

static void test_texts_are_no_numbers(void **unused)
{
    (void)unused;
    expect_attempts(coercions, sizeof coercions / sizeof coercions[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_way_out),
        cmocka_unit_test(test_texts_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
