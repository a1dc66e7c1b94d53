/* SPDX-License-Identifier: MIT */
/* The stages of one connection, in the order of SMTP and in others. */
#include "rule_fixture.h"

/* Says which stages ran, and refuses what its address asks for. */
static const char trace_rule[] =
    "local function mark(session, what)\n"
    "  session.notes.trace = (session.notes.trace or '') .. what end\n"
    "local function judge(text, what)\n"
    "  local code = text:match('^' .. what .. '(%d+)')\n"
    "  if code == '421' then return disconnect(421, '4.7.0', what) end\n"
    "  if code then return (code < '5' and defer or reject)(tonumber(code), code:sub(1, 1) "
    ".. "
    "'.7.1', what) end\n"
    "end\n"
    "return { name = 'probe',\n"
    "  connect = function(s) mark(s, 'C') return judge(s.name, 'connect') end,\n"
    "  helo = function(s) mark(s, 'H') return judge(s.helo, 'helo') end,\n"
    "  mail = function(s, m) mark(s, 'M') return judge(m.sender.text, 'mail') end,\n"
    "  rcpt = function(s, m, r) mark(s, 'R') return judge(r.address.text, 'rcpt') end,\n"
    "  data = function(s, m) mark(s, 'D')\n"
    "    if m.sender.text:find('^discard') then return discard('unwanted') end\n"
    "    return judge(m.sender.text, 'data') end,\n"
    "  headers = function(s, m) mark(s, 'E')\n"
    "    return judge(m:header('X-Judge')[1] or '', 'headers') end,\n"
    "  finish = function(s, m) mark(s, 'F')\n"
    "    if m.sender.text:find('^hold') then return quarantine('look at it') end\n"
    "    if m.sender.text:find('^trace') then\n"
    "      return reject(550, '5.7.1', s.notes.trace .. ' ' .. m.size_bytes .. ' ' ..\n"
    "        tostring(m.declared_bytes) .. ' ' .. #m.recipients .. ' ' .. "
    "tostring(m.queue_id)) end\n"
    "    return judge(m.sender.text, 'finish') end }\n";

static void begin(struct fixture *fixture)
{
    fixture_begin(fixture, trace_rule);
    fixture_open(fixture);
}

static struct verdict finish(struct fixture *fixture, const char *queue_id)
{
    struct edit_list edits;
    return transaction_finish(fixture->transaction, queue_id, &edits);
}

static void test_in_order(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture);
    struct transaction *transaction = fixture.transaction;
    transaction_helo(transaction, "client.example");
    const char *const mail[] = {"<trace@x.example>", "SIZE=100", "BODY=8BITMIME", NULL};
    const struct mail_facts facts = {.login = "u"};
    transaction_mail(transaction, &facts, mail);
    fixture_rcpt(&fixture, "<alice@example.com>");
    fixture_rcpt(&fixture, "<rcpt550@example.com>");
    fixture_rcpt(&fixture, "<bob@example.com>");
    transaction_data(transaction, "QID1");
    transaction_header(transaction, "From", "a@x.example");
    assert_int_equal(transaction_end_of_headers(transaction, "QID1").kind,
                     VERDICT_CONTINUE);
    assert_true(transaction_body(transaction, 10));
    assert_true(transaction_body(transaction, 5));
    struct verdict verdict = finish(&fixture, "QID1");
    /* "From: a@x.example" and CRLF, the blank line, the body. */
    assert_string_equal(verdict.text, "CHMRRRDEF 36 100 2 QID1");
    assert_string_equal(verdict.rule, "probe");
    transaction_end(transaction);
    assert_false(transaction_is_open(transaction));
    fixture_end(&fixture);
}

static void test_odd_orders(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct edit_list edits = {.count = 7};
    fixture_begin(&fixture, trace_rule);
    struct error error = {0};
    assert_true(world_start(&fixture.world, &error));
    struct transaction *transaction = transaction_new(&fixture.world.parts.transactions);
    fixture.transaction = transaction;

    /* Nothing before connect, and nothing without a message. */
    assert_false(transaction_is_open(transaction));
    assert_int_equal(transaction_decisions(transaction)->count, 0);
    transaction_data(transaction, NULL);
    transaction_header(transaction, "X", "y");
    assert_false(transaction_body(transaction, 100));
    assert_int_equal(transaction_end_of_headers(transaction, NULL).kind, VERDICT_DEFER);
    assert_int_equal(transaction_finish(transaction, NULL, &edits).kind, VERDICT_DEFER);
    assert_int_equal(edits.count, 0);
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").code, 501);
    transaction_end(transaction);
    transaction_end(transaction);

    /* HELO without connect, MAIL twice, RCPT behind finish. */
    transaction_helo(transaction, NULL);
    assert_int_equal(fixture_mail(&fixture, "<first@x.example>").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_mail(&fixture, "<trace@x.example>").kind, VERDICT_CONTINUE);
    expect_part(finish(&fixture, NULL).text, "0 nil", "no recipient of the first message");
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").kind, VERDICT_CONTINUE);
    transaction_helo(transaction, "again.example");
    assert_true(transaction_is_open(transaction));
    const struct peer nobody = {0};
    assert_int_equal(transaction_connect(transaction, &nobody).kind, VERDICT_CONTINUE);
    fixture_end(&fixture);
    transaction = NULL;
    transaction_free(&transaction);
}

/* No argument at all, no address, nonsense. */
static void test_bad_arguments(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture);
    const char *const none[] = {NULL};
    const struct mail_facts facts = {0};
    assert_int_equal(transaction_mail(fixture.transaction, &facts, none).code, 501);
    assert_false(transaction_is_open(fixture.transaction));
    assert_int_equal(transaction_rcpt(fixture.transaction, NULL, none).code, 501);

    static const char *const senders[] = {"",   "<>",        "<@>",     "<@@@@>",
                                          "\"", "<a b@c d>", "\x01\xff"};
    static const char *const recipients[] = {"",   "<>",          "<@>", "<@@@@>",
                                             "\"", "<\x01@\xff>", "<,>"};
    static char huge[70000];
    memset(huge, 'x', sizeof huge - 1);
    for (size_t i = 0; i < sizeof senders / sizeof senders[0]; i++) {
        assert_int_equal(fixture_mail(&fixture, senders[i]).kind, VERDICT_CONTINUE);
        for (size_t j = 0; j < sizeof recipients / sizeof recipients[0]; j++) {
            struct verdict verdict = fixture_rcpt(&fixture, recipients[j]);
            assert_true(verdict.kind == VERDICT_CONTINUE || verdict.code == 501);
        }
        assert_int_equal(fixture_rcpt(&fixture, "<>").code, 501);
        assert_int_equal(fixture_rcpt(&fixture, huge).code, 501);
    }
    fixture_mail(&fixture, huge);
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").kind, VERDICT_CONTINUE);
    fixture_end(&fixture);
}

struct stage_case {
    const char *sender, *recipient, *judge; /* judge: X-Judge header */
    enum verdict_kind rcpt, headers, finish;
};

static const struct stage_case stage_cases[] = {
    {"<a@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_CONTINUE,
     VERDICT_CONTINUE},
    {"<data550@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_REJECT,
     VERDICT_CONTINUE},
    {"<data450@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_DEFER,
     VERDICT_CONTINUE},
    {"<data421@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_DISCONNECT,
     VERDICT_CONTINUE},
    {"<discard@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_DISCARD,
     VERDICT_CONTINUE},
    {"<a@x>", "<alice@example.com>", "headers550", VERDICT_CONTINUE, VERDICT_REJECT,
     VERDICT_CONTINUE},
    {"<data450@x>", "<alice@example.com>", "headers550", VERDICT_CONTINUE, VERDICT_DEFER,
     VERDICT_CONTINUE},
    {"<hold@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_CONTINUE,
     VERDICT_QUARANTINE},
    {"<finish550@x>", "<alice@example.com>", "", VERDICT_CONTINUE, VERDICT_CONTINUE,
     VERDICT_REJECT},
    {"<a@x>", "<rcpt450@example.com>", "", VERDICT_DEFER, VERDICT_CONTINUE,
     VERDICT_CONTINUE},
    {"<a@x>", "<rcpt421@example.com>", "", VERDICT_DISCONNECT, VERDICT_CONTINUE,
     VERDICT_CONTINUE},
};

static void test_stages(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture);
    for (size_t i = 0; i < sizeof stage_cases / sizeof stage_cases[0]; i++) {
        const struct stage_case *want = &stage_cases[i];
        struct transaction *transaction = fixture.transaction;
        assert_int_equal(fixture_mail(&fixture, want->sender).kind, VERDICT_CONTINUE);
        assert_int_equal(fixture_rcpt(&fixture, want->recipient).kind, want->rcpt);
        transaction_data(transaction, NULL);
        transaction_header(transaction, "X-Judge", want->judge);
        enum verdict_kind kind = transaction_end_of_headers(transaction, NULL).kind;
        assert_int_equal(kind, want->headers);
        if (kind == VERDICT_CONTINUE) {
            assert_int_equal(finish(&fixture, NULL).kind, want->finish);
        }
        transaction_end(transaction);
    }
    fixture_end(&fixture);
}

static struct verdict connect_as(struct fixture *fixture, const char *name, int port)
{
    transaction_free(&fixture->transaction);
    fixture->transaction = transaction_new(&fixture->world.parts.transactions);
    const struct peer peer = {.name = name, .ip = "127.0.0.1", .port = port};
    return transaction_connect(fixture->transaction, &peer);
}

/* Mail of sendmail(1) is spared at MAIL and RCPT, and judged at the end. */
static void test_local_submission(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture);
    connect_as(&fixture, "localhost", 0);
    assert_true(transaction_session(fixture.transaction)->local_submission);
    assert_true(transaction_session(fixture.transaction)->trusted);
    assert_int_equal(fixture_mail(&fixture, "mail550@x").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_rcpt(&fixture, "rcpt550@example.com").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_rcpt(&fixture, "").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_mail(&fixture, "finish550@x").kind, VERDICT_CONTINUE);
    assert_int_equal(fixture_rcpt(&fixture, "rcpt421@example.com").kind, VERDICT_CONTINUE);
    assert_int_equal(finish(&fixture, NULL).kind, VERDICT_REJECT);

    connect_as(&fixture, "localhost", 25252);
    assert_false(transaction_session(fixture.transaction)->local_submission);
    assert_int_equal(fixture_mail(&fixture, "<mail550@x>").kind, VERDICT_REJECT);
    connect_as(&fixture, "other", 0);
    assert_false(transaction_session(fixture.transaction)->local_submission);
    assert_int_equal(connect_as(&fixture, "connect550", 1).code, 550);
    assert_int_equal(transaction_helo(fixture.transaction, "helo450").code, 450);
    fixture_end(&fixture);
}

/* A header that goes on for ever cannot hide what rules look for. */
static void test_too_much_header(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture);
    static char line[65536];
    memset(line, 'x', sizeof line - 1);
    fixture_mail(&fixture, "<a@x>");
    fixture_rcpt(&fixture, "<alice@example.com>");
    for (int i = 0; i < 20; i++) {
        transaction_header(fixture.transaction, "X-Long", line);
    }
    assert_int_equal(transaction_end_of_headers(fixture.transaction, NULL).code, 552);
    assert_int_equal(fixture_mail(&fixture, "<a@x>").kind, VERDICT_CONTINUE);
    for (int i = 0; i < 10001; i++) {
        transaction_header(fixture.transaction, "", "");
    }
    assert_int_equal(transaction_end_of_headers(fixture.transaction, NULL).code, 552);
    fixture_end(&fixture);
}

/* What is none would fail in the rules behind, which are not to blame. */
static void test_expansion_is_a_table(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture,
                  "return { name = 'probe', rcpt = function(_, _, recipient)\n"
                  "  local _, why = pcall(function() recipient.expansion = 5 end)\n"
                  "  recipient.expansion = { status = 'ok' }\n"
                  "  recipient.expansion = nil\n"
                  "  return reject(550, '5.7.1', why:match('recipient.*')) end }");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x>");
    struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
    assert_string_equal(verdict.text, "recipient.expansion is a table like that of "
                                      "directory.resolve, not a number");
    fixture_end(&fixture);
}

/* A message keeps what it learns of every recipient: it may not grow without end. */
static void test_arena_limit(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture, "return { name = 'probe', rcpt = function(_, _, recipient)\n"
                            "  recipient.expansion = { ('x'):rep(1000000) } end }");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x>");
    int accepted = 0;
    struct verdict verdict;
    while ((verdict = fixture_rcpt(&fixture, "<alice@example.com>")).kind ==
           VERDICT_CONTINUE) {
        assert_true(++accepted < 200);
    }
    assert_true(accepted > 10);
    assert_int_equal(verdict.kind, VERDICT_DEFER);
    fixture_mail(&fixture, "<a@x>");
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").kind, VERDICT_CONTINUE);
    fixture_end(&fixture);
}

/* 10,000 recipients through all shipped rules, one of them to be edited. */
static void test_many_recipients(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct edit_list edits;
    fixture_begin(&fixture, "return {}");
    fixture_write(&fixture, "postfix-virtual.cf",
                  "half@example.com alice@example.com, gone@example.com\n"
                  "@catch.example bob@example.com\n");
    fixture_set(&fixture, "rules=subaddress alias recipient quota spoof");
    fixture_open(&fixture);
    fixture.world.parts.transactions.record_all = false;
    fixture_mail(&fixture, "<a@x>");
    for (int i = 0; i < 10000; i++) {
        char recipient[64];
        snprintf(recipient, sizeof recipient, "<user%d@catch.example>", i);
        struct verdict verdict =
            fixture_rcpt(&fixture, i == 5000 ? "<half@example.com>" : recipient);
        assert_int_equal(verdict.kind, VERDICT_CONTINUE);
    }
    struct verdict verdict = transaction_finish(fixture.transaction, NULL, &edits);
    assert_int_equal(verdict.kind, VERDICT_CONTINUE);
    assert_int_equal(edits.count, 2);
    assert_string_equal(edits.edits[0].address, "<half@example.com>");
    assert_string_equal(edits.edits[1].address, "<alice@example.com>");
    fixture_end(&fixture);
}

/* A plan that cannot be made is a temporary refusal, never half a plan. */
static void test_plan_error(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct edit_list edits;
    fixture_begin(&fixture, "return { name = 'probe', rcpt = function(_, m, r)\n"
                            "  m:add_header('X', 'y') r:drop('nobody') end }");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x>");
    fixture_rcpt(&fixture, "<alice@example.com>");
    struct verdict verdict = transaction_finish(fixture.transaction, NULL, &edits);
    assert_int_equal(verdict.code, 451);
    assert_int_equal(edits.count, 0);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_odd_orders),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_local_submission),
        cmocka_unit_test(test_too_much_header),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_expansion_is_a_table),
        cmocka_unit_test(test_plan_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
