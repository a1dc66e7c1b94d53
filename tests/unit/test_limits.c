/* SPDX-License-Identifier: MIT */
/* Limits of one call, each with its counter, and the sandbox: what a rule uses up, holds on
 * to or reaches for, and that the next message is judged as ever. */
#include "rule_fixture.h"

#include "base/clock.h"
#include "base/counter.h"

/* Line 8 is the body's. */
static const char prelude[] =
    "local kept\n"
    "return { name = 'probe',\n"
    "  settings = { words = { 'list', 'one two', 'a setting' } },\n"
    "  mail = function(session, message, settings)\n"
    "    if message.sender.key == 'good@x.example' then\n"
    "      return reject(550, '5.7.1', ('works'):upper() .. settings.words[1])\n"
    "    end\n";

static void begin(struct fixture *fixture, const char *body)
{
    char rule[4096];
    snprintf(rule, sizeof rule, "%s    %s\n  end }\n", prelude, body);
    fixture_begin(fixture, rule);
    fixture_set(fixture, "state.memory=16MiB");
}

static void end(struct fixture *fixture, const char *body)
{
    expect_part(fixture_mail(fixture, "<good@x.example>").text, "WORKSone", body);
    fixture_end(fixture);
}

#define BIG "local t = {} for i = 1, 100000 do t[i] = i % 7 end "
#define LONG "local s = ('ab'):rep(500000) "

struct excess {
    const char *body;
    enum counter counter;
};

static const struct excess excesses[] = {
    {"while true do end", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"while true do pcall(function() while true do end end) end",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"return pcall(function() while true do end end)", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"return xpcall(function() while true do end end, function() while true do end end)",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"for _ = 1, 1e9 do pcall(error) end", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"local l = {} for i = 1, 1000 do l[i] = function() for _ = 1, 90 do end end end\n"
     "while true do pcall(all, l) end",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('a'):rep(1000)):find('.-.-.-b')", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('a'):rep(1000)):match('.*.*.*.*b')", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"for _ in (('a'):rep(1000)):gmatch('(.-)(.-)(.-)b') do end",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('a'):rep(1000)):gsub('[%w_]-[%w_]-[%w_]-b', 'x')", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('a'):rep(1000)):gsub('.', function() return (('a'):rep(1000)):match('.-.-b') end)",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('a'):rep(40)):match(('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"(('('):rep(100000)):find('%b()')", COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"local p = '(' .. ('a'):rep(500) .. '.*)%1b' while true do\n"
     "pcall(string.find, ('a'):rep(100000), p) end",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"while true do pcall(string.find, ('a'):rep(1000), '.-.-.-b') end",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
     COUNTER_RULE_LIMIT_MEMORY},
    {"local t = {} while true do pcall(function() while true do t = { t } end end) end",
     COUNTER_RULE_LIMIT_MEMORY},
    {"local t = {} pcall(function() while true do t = { t } end end)\n"
     "while true do pcall(function() local _ = {}, {}, ('x'):rep(1000) .. 'y' end) end",
     COUNTER_RULE_LIMIT_MEMORY},
    {"local s = 'x' while true do s = s .. s end", COUNTER_RULE_LIMIT_MEMORY},
    {"local s = ('x'):rep(1000000) while true do pcall(function() return s .. s .. s end) "
     "end",
     COUNTER_RULE_LIMIT_MEMORY},
    {"all { function() local t = {} while true do t = { t } end end }",
     COUNTER_RULE_LIMIT_MEMORY},
    {"all { function() kept = {} while true do pcall(function()\n"
     "while true do kept = { kept } end end) end end }",
     COUNTER_RULE_LIMIT_MEMORY},
    {"while true do message.notes.x = ('y'):rep(1000000) end", COUNTER_RULE_LIMIT_MEMORY},
    {LONG "local t = {} for i = 1, 2000 do t[i] = s end table.sort(t)",
     COUNTER_RULE_LIMIT_INSTRUCTIONS},
    {"return ('x'):rep(1 << 40)", COUNTER_RULE_LIMIT_SIZE},
    {"return ('x'):rep(1 << 20, 'y')", COUNTER_RULE_LIMIT_SIZE},
    {"return ('%s%s'):rep(2):format(('x'):rep(1 << 20), 'y')", COUNTER_RULE_LIMIT_SIZE},
    {"return table.concat({ ('x'):rep(1 << 20), 'y' })", COUNTER_RULE_LIMIT_SIZE},
    {"return (('x'):rep(2000)):gsub('x', ('y'):rep(2000))", COUNTER_RULE_LIMIT_SIZE},
    {"return (('x'):rep(1 << 20) .. 'x'):match('x')", COUNTER_RULE_LIMIT_SIZE},
    {"return ('x'):match(('x'):rep(2000))", COUNTER_RULE_LIMIT_SIZE},
    {"return table.move({}, 1, 1 << 40, 2)", COUNTER_RULE_LIMIT_SIZE},
};

static void counters_get(int64_t values[COUNTER_COUNT])
{
    for (int i = 0; i < COUNTER_COUNT; i++) {
        values[i] = counter_get((enum counter)i);
    }
}

static void expect_counted(const struct excess *excess, const int64_t before[],
                           const char *error)
{
    for (int i = COUNTER_RULE_ERRORS; i <= COUNTER_RULE_LIMIT_SIZE; i++) {
        bool counts = i == COUNTER_RULE_ERRORS || i == COUNTER_RULE_LIMITS ||
                      i == (int)excess->counter;
        if (counter_get((enum counter)i) != before[i] + (counts ? 1 : 0)) {
            fail_msg("%s: %s: %s", excess->body, counter_name((enum counter)i), error);
        }
    }
}

/* Each is counted once, as what it is. */
static void test_excesses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof excesses / sizeof excesses[0]; i++) {
        struct fixture fixture;
        int64_t before[COUNTER_COUNT];
        begin(&fixture, excesses[i].body);
        fixture_open(&fixture);
        counters_get(before);
        assert_int_equal(fixture_mail(&fixture, "<bad@x.example>").code, 451);
        expect_counted(&excesses[i], before, fixture_error(&fixture));
        end(&fixture, excesses[i].body);
    }
}

/* What works for long between two hooks, each time with a budget that does not end it: the
 * clock does, soon. */
static const char *const slow[] = {
    "while true do (('a'):rep(450)):find('.-.-b') end",
    BIG "while true do table.sort(t, math.ult) end",
    BIG "while true do table.sort(t) end",
    BIG "while true do table.insert(t, 1, 1) table.remove(t, 1) end",
    BIG "while true do table.concat(t, ' ') end",
    BIG "while true do table.move(t, 1, 100000, 2) end",
    LONG "while true do s:upper() end",
    LONG "while true do s:reverse() end",
    LONG "while true do utf8.len(s) end",
    LONG "while true do utf8.offset(s, 900000) end",
    LONG "while true do s:find('c', 1, true) end",
    LONG "while true do s:find('abababac', 1, true) end",
    LONG "while true do s:gsub('%w', pcall) end",
    LONG "while true do s:gsub('a', { a = 'x' }) end",
    LONG "while true do tonumber(s, 36) end",
    LONG "while true do local _ = s .. s end",
    LONG "while true do local _ = ('%s'):format(s) end",
    LONG "while true do s:byte(1, 20000) end",
    LONG "local a, b = s .. s, s .. s .. '' while true do local _ = a < b end",
    "local t = {} pcall(function() while true do t = { t } end end)\n"
    "while true do pcall(string.rep, 'x', 10000) end",
    "local l = {} for i = 1, 1000 do l[i] = function() end end\n"
    "while true do all(l) end",
};

static void test_time(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        struct fixture fixture;
        begin(&fixture, slow[i]);
        fixture_set(&fixture, "rule.instructions=100000000000");
        fixture_set(&fixture, "deadline.command=300ms");
        fixture_open(&fixture);
        int64_t before = counter_get(COUNTER_RULE_LIMIT_TIME);
        int64_t begin_ms = clock_monotonic_ms();
        assert_int_equal(fixture_mail(&fixture, "<bad@x.example>").code, 451);
        int64_t elapsed_ms = clock_monotonic_ms() - begin_ms;
        print_message("%5d ms: %s\n", (int)elapsed_ms, slow[i]);
        bool memory = strstr(fixture_error(&fixture), "not enough memory") != NULL;
        if (counter_get(COUNTER_RULE_LIMIT_TIME) != before + 1 && !memory) {
            fail_msg("%s: %s", slow[i], fixture_error(&fixture));
        }
        assert_true(elapsed_ms < 3000); /* the machine may be busy */
        end(&fixture, slow[i]);
    }
}

/* Ordinary things that must not meet a limit. */
static const char *const harmless[] = {
    "local s = ('word '):rep(20000) local n = 0 for _ in s:gmatch('%a+') do n = n + 1 end",
    "local s = ('word '):rep(20000):gsub('%s+', ' ')",
    "(('x'):rep(100000) .. '@example.com'):match('^([^@]+)@(.+)$')",
    "for i = 1, 1000 do ('user+tag@example.com'):match('^(.-)%+(.-)@(.+)$') end",
    "local t = {} for i = 1, 10000 do t[i] = 10000 - i end table.sort(t)",
    "local ok, why = pcall(string.rep, 'x', 1 << 40)\n"
    "if ok or not why:find('at most') then error(why) end",
    "local n, last = 0, nil for k, v in next, settings.words do n, last = n + k, v end\n"
    "if n ~= 3 or last ~= 'two' or #settings.words ~= 2 then error('list') end",
    "message.notes.words = settings.words\n"
    "if message.notes.words[2] ~= 'two' then error('notes') end",
    "if table.concat(settings.words, ',') ~= 'one,two' then error('concat') end",
    "local a, b = table.unpack(settings.words) if a .. b ~= 'onetwo' then error('list') "
    "end",
    "if next(settings) ~= 'words' or next({}) ~= nil then error('next') end",
    "log.info('x', settings) log.info('y', settings.words and {})",
    /* More than half of the memory in use: the rest is cleared when it is needed. */
    "local t = {} for i = 1, 10 do t[i] = ('x'):rep(1 << 20) .. i end\n"
    "for i = 1, 100 do local _ = ('y'):rep(1 << 20) end",
    "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(200) .. i end table.sort(t)",
};

static void test_harmless(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        struct fixture fixture;
        begin(&fixture, harmless[i]);
        fixture_open(&fixture);
        struct verdict verdict = fixture_mail(&fixture, "<bad@x.example>");
        if (verdict.kind != VERDICT_CONTINUE) {
            fail_msg("%s: %s", harmless[i], fixture_error(&fixture));
        }
        end(&fixture, harmless[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_excesses),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
