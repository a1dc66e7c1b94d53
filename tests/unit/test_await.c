/* SPDX-License-Identifier: MIT */
/* Waiting: where a rule may, what happens meanwhile, and how long at most. */
#include "rule_fixture.h"

#include "held_quota.h"

#include "base/clock.h"

#include <pthread.h>

enum { THREADS = 16, STATES = 2, ROUNDS = 50 };

#define SAY(value) "return reject(550, '5.7.1', '' .. tostring(" value "))"
#define CHECK "quota.check('alice@example.com', 1)"

struct expectation {
    const char *body;
    const char *text;  /* of the verdict */
    const char *error; /* NULL: none */
};

static const struct expectation places[] = {
    {SAY(CHECK), "fits", NULL},
    {SAY("select(2, pcall(function() return " CHECK " end))"), "fits", NULL},
    {"for answer in function() return (" CHECK ") end do " SAY("answer") " end", "fits",
     NULL},
    {"local ok, x = xpcall(function() return " CHECK " end, error)\n" SAY("x"), "fits",
     NULL},
    {"local n = 0 for i = 1, 100 do n = n + #" CHECK " end\n" SAY("n"), "400", NULL},
    {"table.sort({ 2, 1 }, function() return " CHECK " end)", NULL, "inside table.sort"},
    {"('x'):gsub('x', function() return " CHECK " end)", NULL, "inside table.sort"},
    {"table.sort({ 2, 1 }, function() all {} return true end)", NULL, "inside table.sort"},
    {"table.sort({ 2, 1 }, function() return dns.a('x.example') end)", NULL,
     "inside table.sort"},
    {SAY("select(2, dns.a('a..b'))"), "dns.a: no name that the DNS could know", NULL},
    {SAY("select(2, dns.mx('a\\0.example'))"), "dns.mx: no name", NULL},
    {SAY("select(2, dns.txt('\\u{fffd}.example'))"), "dns.txt: no name", NULL},
    {SAY("select(2, dns.aaaa(('x'):rep(300)))"), "dns.aaaa: no name", NULL},
    {SAY("select(2, dns.ptr('192.0.2.1\\0'))"), "dns.ptr: no IP address", NULL},
    {SAY("clock.utc(0).weekday .. ' ' .. clock.utc(0).yearday"), "4 1", NULL},
    {SAY("clock.utc(-62135596800).year .. ' ' .. clock.utc(253402300799).year"), "1 9999",
     NULL},
    {SAY("math.abs(clock.now() - " CHECK ":len() - clock.now()) .. math.type(clock.now())"),
     "4integer", NULL},
    {"clock.utc(253402300800)", NULL, "not in the years 1 to 9999"},
    {"clock.date(-62135596801)", NULL, "not in the years 1 to 9999"},
    {"clock.date('5')", NULL, "number expected"},
    {"clock.date(1.5)", NULL, "no integer representation"},
    {"dns.a(message.sender)", NULL, "string expected"},
    {"dns.a()", NULL, "string expected"},
    {SAY("#all {}"), "0", NULL},
    {SAY("#all { function() end }"), "1", NULL},
    {"local r = all { function() return " CHECK
     " end, function() return 1, nil, 3 end }\n" SAY(
         "r[1][1] .. r[1].n .. r[2][1] .. tostring(r[2][2]) .. r[2][3] .. r[2].n"),
     "fits11nil33", NULL},
    {"local r = all { function() return all { function() return " CHECK
     " end }[1][1] end,\n function() return (quota.check('full@example.com', 1)) end "
     "}\n" SAY("r[1][1] .. r[2][1]"),
     "fitsover", NULL},
    {"all { function() " CHECK " end, function() error('one fails') end }", NULL,
     "probe.lua:3: one fails"},
    {"all { function() " CHECK " error('later') end, function() " CHECK " end }", NULL,
     "later"},
    {"local ok, why = pcall(all, { function() " CHECK " error('x', 0) end })\n" SAY("why"),
     "x", NULL},
    {"all { 5 }", NULL, "takes functions, not a number"},
    {"all { quota.check }", NULL, "bad argument"},
    {"all(5)", NULL, "table expected"},
    {"local l = {} for i = 1, 1001 do l[i] = function() end end all(l)", NULL,
     "too many functions"},
    {"local l = {} for i = 1, 1000 do\n"
     "l[i] = function() return quota.check(i .. '@b', 1) end end\n"
     "local r = all(l)\n" SAY("#r .. r[1000][1]"),
     "1000fits", NULL},
    {"local r = all { function() local l = {} for i = 1, 300 do l[i] = i end\n"
     "return table.unpack(l) end }\n" SAY("r[1].n .. r[1][300]"),
     "300300", NULL},
    {SAY("(quota.check('full@example.com', 1))"), "over", NULL},
    {SAY("select(2, quota.check('full@example.com', 1))"), "552 full", NULL},
    {SAY("select(2, quota.check('away@example.com', 1))"), "refused", NULL},
    {SAY("select(2, quota.check('silent@example.com', 1))"), "no answer within 500 ms",
     NULL},
    {"local a = message.sender " CHECK "\n" SAY("a.key .. message.sender.key"),
     "bad@x.examplebad@x.example", NULL},
};

static void set_answers(struct fake_quota *fake)
{
    fake_quota_answer(fake, "full@example.com", FAKE_QUOTA_OVER, "552 full", 0);
    fake_quota_answer(fake, "away@example.com", FAKE_QUOTA_FAILS, "refused", 0);
    fake_quota_answer(fake, "silent@example.com", FAKE_QUOTA_SILENT, "", 0);
}

static void test_places(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct fixture fixture;
        char rule[4096];
        snprintf(
            rule, sizeof rule,
            "return { name = 'probe',\n  mail = function(session, message)\n%s\n  end }",
            places[i].body);
        fixture_begin(&fixture, rule);
        fixture_set(&fixture, "quota.lease=0");
        fixture_set(&fixture, "quota.timeout=500ms");
        fixture_open(&fixture);
        set_answers(fixture.world.quota);
        struct verdict verdict = fixture_mail(&fixture, "<bad@x.example>");
        if (places[i].error != NULL) {
            expect_part(fixture_error(&fixture), places[i].error, places[i].body);
            assert_int_equal(verdict.code, 451);
        } else {
            expect_part(verdict.text, places[i].text, fixture_error(&fixture));
            assert_int_equal(verdict.code, 550);
        }
        fixture_end(&fixture);
    }
}

static void test_not_while_loading(void **unused)
{
    (void)unused;
    static const char *const files[][2] = {
        {CHECK " return { name = 'probe', mail = function() end }",
         "not while a rule file"},
        {"dns.a('x.example') return { name = 'probe', mail = function() end }",
         "not while a rule file"},
        {"clock.now() return { name = 'probe', mail = function() end }",
         "not while a rule file"},
        {"all {} return { name = 'probe', mail = function() end }",
         "not while a rule file"},
        {"reject(550, '5.7.1', 'x', {}) return {}", "not while a rule file"},
        {"while true do end", "too many instructions"},
        {"local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
         "not enough memory"},
        {"return 5", "returns a table, not a number"},
        {"return { name = 'other', mail = function() end }", "the rule's name is other"},
        {"return { name = 'probe' }", "has no handler"},
        {"return { name = 'probe', mial = function() end }", "no field mial"},
        {"return { name = 'probe', mail = 5 }", "mail is a handler"},
        {"return { name = 'probe', mail = function() end, settings = { A = { 'bool', 'no', "
         "'' } } }",
         "a name is small letters"},
        {"return { name = 'probe', mail = function() end, settings = { a = { 'boot', 'no', "
         "'' } } }",
         "there is no type"},
        {"return { name = 'probe', mail = function() end, settings = { a = { 'bool', '7', "
         "'' } } }",
         "probe"},
        {"return { name = 'probe', mail = function() end, settings = { mode = { 'bool', "
         "'no', '' } } }",
         "every rule has that"},
        {"return { name = 'probe', mail = function() end, switch = 5 }",
         "switch is a text"},
        {"return { name = 'probe', mail = function() end, switch = 'on' }",
         "no bool or choice"},
        {"return { name = 'probe', mail = function() end, tests = { 'a_test.lua' } }",
         "tests is a text"},
        {"return { name = 'probe', mail = function() end, tests = 'a_test.lua probe.lua' }",
         "tests = probe.lua: name files NAME_test.lua"},
        {"return { name = 'probe', mail = function() end, tests = '/a_test.lua' }",
         "in the folder of the rule"},
        {"return { name = 'probe', mail = function() end, tests = ('a_test.lua '):rep(50) "
         "}",
         "at most 500 bytes"},
        {"return {", "probe.lua:1:"},
        {"\x1bLua", "binary"},
        {"error({})", "not a text"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct fixture fixture;
        struct error error = {0};
        fixture_begin(&fixture, files[i][0]);
        fixture_set(&fixture, "state.memory=4MiB");
        assert_false(world_start(&fixture.world, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        expect_part(error.text, files[i][1], files[i][0]);
        expect_part(error.text, "probe", files[i][0]);
        fixture_end(&fixture);
    }
}

static void open_held(struct fixture *fixture, struct held_quota *service)
{
    service->fake = fixture->world.quota;
    fixture->world.scripts.quota = held_quota_ask;
    fixture->world.scripts.quota_argument = service;
    fixture_open(fixture);
}

/* All questions of one all{} are under way at once: the fake answers none before. */
static void test_all_is_side_by_side(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(
        &fixture,
        "return { name = 'probe', mail = function()\n"
        "local l = {} for i = 1, 40 do\n"
        "l[i] = function() return quota.check('u' .. i .. '@x', i) end end\n"
        "local n = 0 for _, r in ipairs(all(l)) do n = n + #r[1] end\n" SAY("n") " end }");
    fixture_set(&fixture, "quota.lease=0");
    struct held_quota service = {.until = 40};
    open_held(&fixture, &service);
    struct verdict verdict = fixture_mail(&fixture, "<a@x.example>");
    assert_string_equal(verdict.text, "160");
    assert_int_equal(fake_quota_count(fixture.world.quota), 40);
    fixture_end(&fixture);
}

/* The call's deadline bounds every wait, and ends a rule that only waits. */
static void test_deadline(void **unused)
{
    (void)unused;
    static const char *const bodies[] = {
        "while true do end",
        "while true do quota.check('silent@example.com', 1) end",
        "while true do pcall(quota.check, 'silent@example.com', 1) end",
        "while true do all { function() quota.check('silent@example.com', 1) end } end",
        "while true do message:header('X') end",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fixture fixture;
        char rule[1024];
        snprintf(rule, sizeof rule,
                 "return { name = 'probe', mail = function(session, message) %s end }",
                 bodies[i]);
        fixture_begin(&fixture, rule);
        fixture_set(&fixture, "rule.instructions=100000000000");
        fixture_set(&fixture, "deadline.command=100ms");
        fixture_open(&fixture);
        set_answers(fixture.world.quota);
        int64_t begin_ms = clock_monotonic_ms();
        struct verdict verdict = fixture_mail(&fixture, "<a@x.example>");
        int64_t elapsed_ms = clock_monotonic_ms() - begin_ms;
        assert_int_equal(verdict.code, 451);
        expect_part(fixture_error(&fixture), "out of time", bodies[i]);
        assert_true(elapsed_ms >= 100);
        assert_true(elapsed_ms < 3000); /* the machine may be busy */
        fixture_end(&fixture);
    }
}

/* Many transactions, few states: while one waits, others run in its state. */
static const char crowd_rule[] =
    "local count = 0\n"
    "return { name = 'probe', rcpt = function(session, message, recipient)\n"
    "  local me = recipient.address.key\n"
    "  message.notes.me = me\n"
    "  count = count + 1\n"
    "  local before = session.id\n"
    "  local room = quota.check(me, 1)\n"
    "  local both = all { function() return quota.check(me .. '1', 1) end,\n"
    "    function() return quota.check(me .. '2', 1) end }\n"
    "  if message.notes.me ~= me or session.id ~= before or recipient.address.key ~= me "
    "then\n"
    "    error('another message shines through') end\n"
    "  if me:find('^over') then return reject(552, '5.2.2', me .. room .. both[2][1]) end\n"
    "  if me:find('^fail') then error(me) end\n"
    "end }";

struct crowd {
    struct fixture *fixture;
    int index;
    int wrong;
};

static void crowd_round(struct crowd *crowd, struct transaction *transaction, int round)
{
    static const char *const kinds[] = {"fits", "over", "fail"};
    const char *kind = kinds[(crowd->index + round) % 3];
    char recipient[64];
    char text[64];
    snprintf(recipient, sizeof recipient, "<%s%d.%d@example.com>", kind, crowd->index,
             round);
    snprintf(text, sizeof text, "%s%d.%d@example.comfitsfits", kind, crowd->index, round);
    const char *const mail[] = {"<a@x.example>", NULL};
    const char *const rcpt[] = {recipient, NULL};
    const struct mail_facts facts = {0};
    transaction_mail(transaction, &facts, mail);
    struct verdict verdict = transaction_rcpt(transaction, NULL, rcpt);
    bool right = kind == kinds[0]   ? verdict.kind == VERDICT_CONTINUE
                 : kind == kinds[1] ? verdict.code == 552 && strcmp(verdict.text, text) == 0
                                    : verdict.code == 451;
    crowd->wrong += right ? 0 : 1;
}

static void *crowd_run(void *argument)
{
    struct crowd *crowd = argument;
    const struct transaction_settings *settings = &crowd->fixture->world.parts.transactions;
    for (int round = 0; round < ROUNDS; round++) {
        struct transaction *transaction = transaction_new(settings);
        const struct peer peer = {.name = "c", .ip = "192.0.2.1", .port = 1};
        transaction_connect(transaction, &peer);
        crowd_round(crowd, transaction, round);
        transaction_free(&transaction);
    }
    return NULL;
}

static void run_crowd(struct fixture *fixture)
{
    pthread_t threads[THREADS];
    struct crowd crowds[THREADS];
    for (int i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){.fixture = fixture, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowds[i]), 0);
    }
    int wrong = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong += crowds[i].wrong;
    }
    assert_int_equal(wrong, 0);
}

static void test_crowd(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, crowd_rule);
    fixture_set(&fixture, "states=2");
    fixture_set(&fixture, "quota.lease=0");
    fixture_open(&fixture);
    run_crowd(&fixture);
    assert_int_equal(fake_quota_count(fixture.world.quota), THREADS * ROUNDS * 3);
    fixture_end(&fixture);
}

/* Nobody is answered before all sixteen wait: a state that stayed locked would hang. */
static void test_states_are_unlocked_while_waiting(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, "return { name = 'probe', rcpt = function(_, _, recipient)\n"
                            "  local me = recipient.address.key\n"
                            "  local room = quota.check(me, 1)\n"
                            "  if me:find('^over') then\n"
                            "    return reject(552, '5.2.2', me .. room .. 'fits') end\n"
                            "  if me:find('^fail') then error(me) end end }");
    fixture_set(&fixture, "states=2");
    fixture_set(&fixture, "quota.lease=0");
    struct held_quota service = {.until = THREADS};
    open_held(&fixture, &service);
    run_crowd(&fixture);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_not_while_loading),
        cmocka_unit_test(test_all_is_side_by_side),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_states_are_unlocked_while_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
