/* SPDX-License-Identifier: MIT */
/* What is recorded beside decisions, what becomes of a rule while it is observed, and
 * answers that are given again. */
#include "rule_fixture.h"

#include "mail/observation_text.h"

enum { SHOWN = 120 };

/* One case: a rule of stage rcpt, and each observation as a line: kind, text, source. */
static const struct {
    const char *body, *observed;
} cases[] = {
    {"", ""},
    {"local x = session.ip .. session.ip .. session.ip", "input session.ip = 192.0.2.1\n"},
    {"local x = session.login", "input session.login = nil\n"},
    {"local x = session.trusted", "input session.trusted = false\n"},
    {"local x = session:in_networks('192.0.2.0/24')",
     "input session.in_networks(192.0.2.0/24) = true\n"},
    {"local x = message.sender.domain .. message.sender.key",
     "input message.sender = a@x.example\n"},
    {"local x = message.params", "input message.params = {}\n"},
    {"local x = message.recipients", "input message.recipients = { alice@example.com }\n"},
    {"local x = #message:header('From') + #message:header('From') + #message:header('To')",
     "input message.header(From) = {}\ninput message.header(To) = {}\n"},
    {"local x = recipient.address.key, recipient.state",
     "input recipient.address = alice@example.com\ninput recipient.state = pending\n"},
    {"message.notes.n = { 1, 'two', { three = 3.5 } }",
     "note message.notes.n = { 1, two, { three = 3.5 } }\n"},
    {"session.notes[7] = 'x' local x = session.notes[7] recipient.notes.y = nil",
     "note session.notes.7 = x\ninput session.notes.7 = x\nnote recipient.notes.y = nil\n"},
    {"recipient.expansion = { status = 'ok' }",
     "note recipient.expansion = { status = ok }\n"},
    {"message:add_header('X', 'a b') message:add_header('X', 'a b')",
     "edit message.add_header(X, \"a b\")\nedit message.add_header(X, \"a b\")\n"},
    {"message:set_sender('') message:add_recipient(message.sender)",
     "edit message.set_sender(\"\")\ninput message.sender = a@x.example\n"
     "edit message.add_recipient(a@x.example)\n"},
    {"recipient:replace({ 'bob@example.com' }) recipient:drop('why')",
     "edit recipient.replace({ bob@example.com }) = true\nedit recipient.drop(why)\n"},
    {"pcall(message.add_header, message, 'X')", "edit message.add_header(X): no result\n"},
    {"local x = directory.account('alice@example.com')",
     "answer directory.account(alice@example.com) = alice@example.com [snapshot]\n"},
    {"local x = directory.account(recipient.address)",
     "input recipient.address = alice@example.com\n"
     "answer directory.account(alice@example.com) = alice@example.com [snapshot]\n"},
    {"local x = directory.account('x@example.com')",
     "answer directory.account(x@example.com) = false [snapshot]\n"},
    {"local x = directory.account('x@b@@')",
     "answer directory.account(x@b@@) = nil, \"domain is not valid\"\n"},
    {"local x = directory.is_local('x')",
     "answer directory.is_local(x) = false [snapshot]\n"},
    {"local x = directory.resolve('sales@example.com')",
     "answer directory.resolve(sales@example.com) = { address = sales@example.com, "
     "domain_class = mailbox, recipients = { { address = alice@example.com, class = "
     "mailbox, ma... [snapshot: postfix-virtual.cf:1]\n"},
    {"local x = pcall(directory.resolve, function() end)",
     "answer directory.resolve((function)): no result\n"},
    {"quota.check('alice@example.com', 1000)",
     "answer quota.check(alice@example.com, 1000) = fits [asked]\n"},
    {"quota.check('full@example.com', 1000)",
     "answer quota.check(full@example.com, 1000) = over, \"552 full\" [asked]\n"},
    {"quota.check('away@example.com', 1000)",
     "answer quota.check(away@example.com, 1000) = nil, refused [asked]\n"},
    {"quota.check('alice@example.com', 1) quota.check('alice@example.com', 1)",
     "answer quota.check(alice@example.com, 1) = fits [asked]\n"
     "answer quota.check(alice@example.com, 1) = fits [held]\n"},
    {"all { function() quota.check('full@example.com', 1) directory.is_local('x') end,\n"
     "function() quota.check('alice@example.com', 1) end }",
     "answer quota.check(full@example.com, 1) = over, \"552 full\" [asked]\n"
     "answer quota.check(alice@example.com, 1) = fits [asked]\n"
     "answer directory.is_local(x) = false [snapshot]\n"},
    {"local x = clock.utc(0).year",
     "answer clock.utc(0) = { day = 1, hour = 0, minute = 0, month = 1, second = 0, "
     "weekday = 4, year = 1970, yearday = 1 } [clock]\n"},
    {"local x = dns.a('a..b')",
     "answer dns.a(a..b) = nil, \"dns.a: no name that the DNS could know: empty, too long, "
     "an empty label, or other than printable ASCII\" [dns]\n"},
};

static void observed_text(struct arena *arena, const struct decision *decision, char *text,
                          size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (const struct observation *at = decision->observations.first; at != NULL;
         at = at->next) {
        length += (size_t)snprintf(text + length, size - length, "%s %s",
                                   observation_kind_name(at->kind),
                                   observation_text(arena, at, SHOWN));
        if (at->source != NULL) {
            bool is_snapshot = strncmp(at->source, "snapshot ", 9) == 0;
            bool has_place = is_snapshot && at->remark != NULL;
            length += (size_t)snprintf(text + length, size - length, " [%s%s%s]",
                                       is_snapshot ? "snapshot" : at->source,
                                       has_place ? ": " : "", has_place ? at->remark : "");
        }
        length += (size_t)snprintf(text + length, size - length, "\n");
    }
}

static void begin(struct fixture *fixture, const char *body)
{
    char rule[4096];
    snprintf(rule, sizeof rule,
             "return { name = 'probe', rcpt = function(session, message, recipient)\n"
             "%s\nend }\n",
             body);
    fixture_begin(fixture, rule);
    fixture_write(fixture, "postfix-virtual.cf", "sales@example.com alice@example.com\n");
    struct fake_quota *fake = fixture->world.quota;
    fake_quota_answer(fake, "full@example.com", FAKE_QUOTA_OVER, "552 full", 0);
    fake_quota_answer(fake, "away@example.com", FAKE_QUOTA_FAILS, "refused", 0);
    fixture_set(fixture, "quota.lease=0");
    fixture_set(fixture, "quota.refusal_time=0");
}

static const struct decision *last_decision(const struct fixture *fixture)
{
    const struct decision_list *list = transaction_decisions(fixture->transaction);
    assert_true(list->count > 0);
    return &list->entries[list->count - 1];
}

static void test_observations(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        begin(&fixture, cases[i].body);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        if (verdict.kind != VERDICT_CONTINUE) {
            fail_msg("%s: %s", cases[i].body, fixture_error(&fixture));
        }
        struct arena *arena = arena_new();
        char text[4096];
        observed_text(arena, last_decision(&fixture), text, sizeof text);
        if (strcmp(text, cases[i].observed) != 0) {
            fail_msg("%s\ngives\n%swant\n%s", cases[i].body, text, cases[i].observed);
        }
        assert_true(last_decision(&fixture)->generation > 0);
        assert_true(last_decision(&fixture)->snapshot > 0);
        arena_free(&arena);
        fixture_end(&fixture);
    }
}

/* With nobody to look at them nothing is kept, and every rule does the same. */
static void test_unobserved(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture,
          "return reject(550, '5.7.1', session.ip .. (quota.check('full@example.com',"
          " 1)) .. tostring(directory.is_local('x')))");
    fixture_open(&fixture);
    for (int i = 0; i < 2; i++) {
        fixture.world.parts.transactions.record_all = i > 0;
        fixture_mail(&fixture, "<a@x.example>");
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        assert_string_equal(verdict.text, "192.0.2.1overfalse");
        size_t count = last_decision(&fixture)->observations.count;
        assert_int_equal(count, i > 0 ? 3 : 0);
    }
    fixture_end(&fixture);
}

/* Of one rule 1000, of one message 8 MiB; the rest is counted, and the rule goes on. */
static void test_bounds(void **unused)
{
    (void)unused;

    static const struct {
        const char *body;
        size_t kept, dropped;
    } bounds[] = {
        {"for i = 1, 1005 do message.notes[i] = i end", 1000, 5},
        {"for i = 1, 20 do directory.is_local(('x'):rep(1000000)) end", 9, 11},
        {"local l = {} for i = 1, 50 do l[i] = function()\n"
         "quota.check(i .. ('x'):rep(300000), 1) end end all(l)",
         28, 22},
    };

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct fixture fixture;
        begin(&fixture, bounds[i].body);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        if (verdict.kind != VERDICT_CONTINUE) {
            fail_msg("%s: %s", bounds[i].body, fixture_error(&fixture));
        }
        const struct observation_list *list = &last_decision(&fixture)->observations;
        if (list->count != bounds[i].kept || list->dropped_count != bounds[i].dropped) {
            fail_msg("%s: kept %zu, dropped %zu", bounds[i].body, list->count,
                     list->dropped_count);
        }
        fixture_end(&fixture);
    }
}

/* HELO may come for ever. */
static void test_session_is_bounded(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, "return { name = 'probe', helo = function(session)\n"
                            "local x = session.helo, session.ip, session.name end }\n");
    fixture_open(&fixture);
    size_t most = 0;
    for (int i = 0; i < 5000; i++) {
        transaction_helo(fixture.transaction, "x.example");
        size_t count = transaction_decisions(fixture.transaction)->count;
        most = count > most ? count : most;
    }
    assert_in_range(most, 100, 4000);
    assert_int_equal(last_decision(&fixture)->observations.count, 3);
    fixture_end(&fixture);
}

/* What may be a secret is in no record; two requests are told apart all the same. */
static void test_secrets(void **unused)
{
    (void)unused;

    static const struct {
        const char *call, *shown; /* up to what is hidden */
    } secrets[] = {
        {"{ url = 'http://u:geheim@127.0.0.1:1/a?geheim' }",
         "url = \"http://127.0.0.1:1/a("},
        {"{ url = 'http://u:geheim@127.0.0.1:1/a?geheim2' }",
         "url = \"http://127.0.0.1:1/a("},
        {"{ url = 'http://u:geheim@127.0.0.1:1/a#geheim' }",
         "url = \"http://127.0.0.1:1/a("},
        {"{ url = 'http://u:geheim@127.0.0.1:1/a' }", "url = http://127.0.0.1:1/a }"},
        {"{ url = 'http://127.0.0.1:1', method = 'PUT', body = 'geheim', headers = { A = "
         "'geheim' } }",
         "method = PUT"},
        {"{ url = 'geheim' }", "url = \"(6 bytes, "},
        {"{ ur1 = 'http://geheim', heders = { A = 'geheim' } }", "ur1 = \"(13 bytes, "},
        {"{ headers = { 'geheim', { 'geheim' } }, url = { 'geheim' } }", "headers = { \"("},
        {"'geheim'", "(\"(6 bytes, "},
    };

    struct arena *arena = arena_new();
    const char *before = "";
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct fixture fixture;
        char body[512];
        snprintf(body, sizeof body,
                 "local asked = %s\npcall(http.request, asked)\nhttp.escape('geheim')",
                 secrets[i].call);
        begin(&fixture, body);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        fixture_rcpt(&fixture, "<alice@example.com>");
        const struct decision *decision = last_decision(&fixture);
        assert_int_equal(decision->observations.count, 1);
        const char *text = observation_text(arena, decision->observations.first, 1000);
        expect_part(text, secrets[i].shown, secrets[i].call);
        if (strstr(text, "geheim") != NULL) {
            fail_msg("%s: %s", secrets[i].call, text);
        }
        assert_string_not_equal(text, before);
        before = text;
        fixture_end(&fixture);
    }
    arena_free(&arena);
}

struct given {
    const char *name;
    struct value_list arguments, results;
    int asked;
};

static enum replay_result given_find(void *context, const struct stage_call *stage,
                                     const char *name, const struct value_list *arguments,
                                     struct value_list *results)
{
    struct given *given = context;
    given->asked++;
    assert_int_equal(stage->stage, STAGE_RCPT);
    if (strcmp(name, given->name) != 0 || !value_list_equal(arguments, &given->arguments)) {
        return REPLAY_CALL;
    }
    *results = given->results;
    return given->results.count > 0 ? REPLAY_ANSWER : REPLAY_FAIL;
}

#define TEXT(string)                                                                       \
    {                                                                                      \
        .type = VALUE_TEXT, .text = {.bytes = (string), .length = sizeof(string) - 1 }     \
    }

/* The answer of an earlier run instead of one of the service, observed or not. */
static void test_replay(void **unused)
{
    (void)unused;
    struct value arguments[] = {TEXT("alice@example.com"),
                                {.type = VALUE_INTEGER, .integer = 5}};
    struct value results[] = {{.type = VALUE_NIL}, TEXT("as it was")};
    struct given given = {
        .name = "quota.check",
        .arguments = {.values = arguments, .count = 2},
        .results = {.values = results, .count = 2},
    };
    const struct replay replay = {.find = given_find, .context = &given};
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        begin(&fixture, "local a, b = quota.check('alice@example.com', 5)\n"
                        "local c = quota.check('alice@example.com', 6)\n"
                        "return reject(550, '5.7.1', tostring(a) .. ' ' .. b .. ' ' .. c)");
        fixture_open(&fixture);
        fixture.world.parts.services.replay = &replay;
        fixture.world.parts.transactions.record_all = i > 0;
        given.asked = 0;
        fixture_mail(&fixture, "<a@x.example>");
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        assert_string_equal(verdict.text, "nil as it was fits");
        assert_int_equal(given.asked, 2);
        assert_int_equal(fake_quota_count(fixture.world.quota), 1);
        const struct observation *first = last_decision(&fixture)->observations.first;
        assert_true((first != NULL) == (i > 0));
        if (first != NULL) {
            assert_string_equal(first->source, "recorded");
        }
        fixture_end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observations), cmocka_unit_test(test_unobserved),
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_session_is_bounded),
        cmocka_unit_test(test_secrets),      cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
