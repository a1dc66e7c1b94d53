/* SPDX-License-Identifier: MIT */
/* Several rules in their order, and what the operator decides about them: skip, shadow,
 * on_error, enabled, settings, and where rules are found. */
#include "rule_fixture.h"

static void write_rules(struct fixture *fixture, const char *first, const char *second)
{
    fixture_begin(fixture, first);
    fixture_write_rule(fixture, "after", second);
    fixture_set(fixture, "rules=probe after");
}

#define MAIL(name, body)                                                                   \
    "return { name = '" name "', mail = function(session, message, settings) " body " end" \
    " }"
#define AFTER MAIL("after", "return reject(553, '5.7.1', 'after')")

struct outcome {
    const char *body;    /* of the first rule's mail handler */
    const char *option;  /* or NULL */
    int code;            /* of the stage's verdict; 553: the second rule decided */
    size_t decisions;    /* recorded */
    const char *verdict; /* of the first decision */
};

static const struct outcome outcomes[] = {
    {"", NULL, 553, 2, "continue"},
    {"return nil", NULL, 553, 2, "continue"},
    {"return reject(550, '5.7.1', 'x')", NULL, 550, 1, "reject"},
    {"return defer(450, '4.7.1', 'x')", NULL, 450, 1, "defer"},
    {"return disconnect(421, '4.7.0', 'x')", NULL, 421, 1, "disconnect"},
    {"return disconnect(521, '5.7.0', 'x')", NULL, 521, 1, "disconnect"},
    {"return skip()", NULL, 0, 1, "skip"},
    {"return skip(), 'more'", NULL, 0, 1, "skip"},
    {"return nil, reject(550, '5.7.1', 'x')", NULL, 553, 2, "continue"},
    {"return reject(550, '5.7.1', 'x')", "mode=shadow", 0, 2, "reject"},
    {"return reject(550, '5.7.1', 'x')", "probe.mode=shadow", 553, 2, "reject"},
    {"return skip()", "probe.mode=shadow", 553, 2, "skip"},
    {"error('x')", "probe.mode=shadow", 553, 2, "defer"},
    {"error('x')", NULL, 451, 1, "defer"},
    {"error('x')", "on_error=continue", 553, 2, "continue"},
    {"error('x')", "probe.on_error=continue", 553, 2, "continue"},
    {"return 1", "probe.on_error=continue", 553, 2, "continue"},
    {"error('x')", "after.on_error=continue", 451, 1, "defer"},
};

static void test_outcomes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        const struct outcome *want = &outcomes[i];
        struct fixture fixture;
        char rule[512];
        snprintf(rule, sizeof rule,
                 "return { name = 'probe', mail = function(session, message) %s end }",
                 want->body);
        write_rules(&fixture, rule, AFTER);
        if (want->option != NULL) {
            fixture_set(&fixture, want->option);
        }
        fixture_open(&fixture);
        struct verdict verdict = fixture_mail(&fixture, "<a@x.example>");
        const struct decision_list *list = transaction_decisions(fixture.transaction);
        if (verdict.code != want->code || list->count != want->decisions) {
            fail_msg("%s with %s: code %d, %zu decisions", want->body, want->option,
                     verdict.code, list->count);
        }
        assert_string_equal(verdict_kind_name(list->entries[0].verdict.kind),
                            want->verdict);
        assert_string_equal(list->entries[0].rule, "probe");
        assert_string_equal(list->entries[0].stage, "mail");
        fixture_end(&fixture);
    }
}

/* In shadow mode edits are tried and not kept. */
static void test_shadow_edits_nothing(void **unused)
{
    (void)unused;
    static const char rule[] =
        "return { name = 'probe', rcpt = function(_, message, recipient)\n"
        "  assert(recipient:replace { 'bob@example.com' } == true)\n"
        "  recipient:drop('x')\n"
        "  message:add_header('X', 'y') message:set_header('X', 1, 'y')\n"
        "  message:delete_header('X', 1) message:set_sender('b@x.example')\n"
        "  message:add_recipient('bob@example.com') end }";
    static const char *const modes[] = {"probe.mode=shadow", "probe.mode=enforce"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        struct edit_list edits;
        fixture_begin(&fixture, rule);
        fixture_set(&fixture, modes[i]);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").kind,
                         VERDICT_CONTINUE);
        assert_string_equal(fixture_error(&fixture), "");
        transaction_finish(fixture.transaction, NULL, &edits);
        assert_int_equal(edits.count, i == 0 ? 0 : 6);
        fixture_end(&fixture);
    }
}

static void test_settings(void **unused)
{
    (void)unused;
    static const char rule[] =
        "return { name = 'probe', settings = {\n"
        "  enabled = { 'bool', 'yes', 'h' }, text = { 'text', nil, 'h' },\n"
        "  size = { 'size', '1KiB', 'h' }, time = { 'duration', '2s', 'h' },\n"
        "  count = { 'count', 3, 'h' }, flag = { 'bool', true, 'h' },\n"
        "  list = { 'list', 'a b', 'h' }, choice = { 'choice', 'x', choices = 'x y', 'h' "
        "},\n"
        "  reply = { 'reply', '550 5.1.1 Not here', 'h' } },\n"
        "  mail = function(_, _, s) return reject(s.reply.code, s.reply.xcode, "
        "table.concat({\n"
        "    s.reply.text, tostring(s.text), s.size, s.time, s.count, tostring(s.flag),\n"
        "    #s.list, s.choice }, '|')) end }";
    struct fixture fixture;
    fixture_begin(&fixture, rule);
    fixture_open(&fixture);
    expect_part(fixture_mail(&fixture, "<a@x.example>").text,
                "Not here|nil|1024|2000|3|true|2|x", fixture_error(&fixture));
    fixture_end(&fixture);

    static const char *const assignments[] = {
        "probe.text=hello world", "probe.size=2MiB",
        "probe.time=5m",          "probe.count=0",
        "probe.flag=off",         "probe.list=a, b c",
        "probe.choice=y",         "probe.reply=450 4.2.1 Later, please"};
    fixture_begin(&fixture, rule);
    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
        fixture_set(&fixture, assignments[i]);
    }
    fixture_open(&fixture);
    /* The rule says reject, and 450 is no code for it. */
    assert_int_equal(fixture_mail(&fixture, "<a@x.example>").code, 451);
    expect_part(fixture_error(&fixture), "500 to 599, not 450", "reply");
    fixture_end(&fixture);
}

/* A rule does nothing while all settings that switch it are no or off. */
static void test_switch(void **unused)
{
    (void)unused;

    static const struct {
        const char *fields, *option;
        bool runs;
    } cases[] = {
        {"switch = 'enabled', ", NULL, true},
        {"switch = 'enabled', ", "probe.enabled=no", false},
        {"", "probe.enabled=no", true},
        {"switch = 'enabled how', ", "probe.enabled=no", true},
        {"switch = 'enabled how', ", "probe.how=off", true},
        {"switch = 'how', ", "probe.how=off", false},
        {"switch = 'how', ", "probe.enabled=no", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        char rule[512];
        snprintf(
            rule, sizeof rule,
            "return { name = 'probe', %s settings = { enabled = { 'bool', 'yes', 'h' },\n"
            "how = { 'choice', 'on', choices = 'on off', 'h' } },\n"
            "mail = function() return reject(550, '5.7.1', 'runs') end }",
            cases[i].fields);
        fixture_begin(&fixture, rule);
        if (cases[i].option != NULL) {
            fixture_set(&fixture, cases[i].option);
        }
        fixture_open(&fixture);
        assert_int_equal(fixture_mail(&fixture, "<a@x.example>").code,
                         cases[i].runs ? 550 : 0);
        assert_int_equal(transaction_decisions(fixture.transaction)->count, cases[i].runs);
        fixture_end(&fixture);
    }
}

static void test_rule_names(void **unused)
{
    (void)unused;
    static const char *const lists[][2] = {
        {"rules=probe probe", "named twice"},
        {"rules=nothere", "there is no nothere.lua in rules.path"},
        {"rules=../probe", "is no rule name"},
        {"rules=Probe", "is no rule name"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct fixture fixture;
        struct error error = {0};
        fixture_begin(&fixture, MAIL("probe", ""));
        fixture_set(&fixture, lists[i][0]);
        assert_false(world_start(&fixture.world, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        expect_part(error.text, lists[i][1], lists[i][0]);
        fixture_end(&fixture);
    }
    struct fixture fixture;
    fixture_begin(&fixture, MAIL("probe", ""));
    fixture_set(&fixture, "rules=");
    fixture_open(&fixture);
    assert_int_equal(fixture_mail(&fixture, "<a@x.example>").kind, VERDICT_CONTINUE);
    fixture_end(&fixture);
}

/* A user's file of the same name is taken instead of the shipped one. */
static void test_own_file_wins(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, MAIL("probe", ""));
    fixture_write_rule(&fixture, "spoof",
                       MAIL("spoof", "return reject(550, '5.7.1', 'own')"));
    fixture_set(&fixture, "rules=probe spoof");
    fixture_open(&fixture);
    expect_part(fixture_mail(&fixture, "<a@x.example>").text, "own", "spoof");
    fixture_end(&fixture);
}

/* Only what a handler waits for runs at all. */
static void test_stages_without_handlers(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, MAIL("probe", ""));
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x.example>");
    fixture_rcpt(&fixture, "<alice@example.com>");
    assert_int_equal(transaction_decisions(fixture.transaction)->count, 1);
    assert_false(transaction_body(fixture.transaction, 10));
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_shadow_edits_nothing),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_rule_names),
        cmocka_unit_test(test_own_file_wins),
        cmocka_unit_test(test_stages_without_handlers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
