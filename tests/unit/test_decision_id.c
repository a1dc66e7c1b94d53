/* SPDX-License-Identifier: MIT */
/* Ids of decisions, and reply.id: every refusal that a client is told has one, once. */
#include "rule_fixture.h"

#include "mail/decision_id.h"

static const char rule[] =
    "local function judge(text, what)\n"
    "  if text:find('^' .. what) then return reject(550, '5.7.1', what) end end\n"
    "return { name = 'probe',\n"
    "  connect = function(s) return judge(s.name, 'connect') end,\n"
    "  helo = function(s) return judge(s.helo, 'helo') end,\n"
    "  mail = function(s, m) return judge(m.sender.text, 'mail') end,\n"
    "  rcpt = function(s, m, r)\n"
    "    if r.address.text:find('^fails') then error('x') end\n"
    "    if r.address.text:find('^drop') then r:drop('all') end\n"
    "    return judge(r.address.text, 'rcpt') end,\n"
    "  data = function(s, m) return judge(m.sender.text, 'data') end,\n"
    "  headers = function(s, m) return judge(m.sender.text, 'headers') end,\n"
    "  finish = function(s, m) return judge(m.sender.text, 'finish') end }\n";

static struct verdict give_connect(struct fixture *fixture)
{
    const struct peer peer = {.name = "connect.example", .ip = "192.0.2.1", .port = 1};
    return transaction_connect(fixture->transaction, &peer);
}

static struct verdict give_helo(struct fixture *fixture)
{
    struct verdict verdict = transaction_helo(fixture->transaction, "helo");
    for (int i = 0; i < 100; i++) {
        verdict = transaction_helo(fixture->transaction, "helo");
    }
    return verdict;
}

static struct verdict give_stopping(struct fixture *fixture)
{
    return transaction_stopping(fixture->transaction);
}

static struct verdict give_mail(struct fixture *fixture)
{
    return fixture_mail(fixture, "<mail@x.example>");
}

static struct verdict give_no_mail(struct fixture *fixture)
{
    return fixture_mail(fixture, NULL);
}

static struct verdict give_rcpt(struct fixture *fixture)
{
    fixture_mail(fixture, "<a@x.example>");
    return fixture_rcpt(fixture, "<rcpt@example.com>");
}

static struct verdict give_error(struct fixture *fixture)
{
    fixture_mail(fixture, "<a@x.example>");
    return fixture_rcpt(fixture, "<fails@example.com>");
}

static struct verdict give_syntax(struct fixture *fixture)
{
    fixture_mail(fixture, "<a@x.example>");
    return fixture_rcpt(fixture, "<>");
}

static struct verdict give_no_begin(struct fixture *fixture)
{
    return fixture_rcpt(fixture, "<alice@example.com>");
}

static struct verdict give_too_many(struct fixture *fixture)
{
    fixture->world.parts.transactions.messages_memory = 1;
    return give_rcpt(fixture);
}

static struct verdict end_of_headers(struct fixture *fixture, const char *sender)
{
    fixture_mail(fixture, sender);
    fixture_rcpt(fixture, "<alice@example.com>");
    transaction_data(fixture->transaction, NULL);
    return transaction_end_of_headers(fixture->transaction, NULL);
}

static struct verdict give_data(struct fixture *fixture)
{
    return end_of_headers(fixture, "<data@x.example>");
}

static struct verdict give_headers(struct fixture *fixture)
{
    return end_of_headers(fixture, "<headers@x.example>");
}

static struct verdict give_long_header(struct fixture *fixture)
{
    fixture_mail(fixture, "<a@x.example>");
    for (int i = 0; i < 10001; i++) {
        transaction_header(fixture->transaction, "", "");
    }
    return transaction_end_of_headers(fixture->transaction, NULL);
}

static struct verdict give_finish(struct fixture *fixture)
{
    struct edit_list edits;
    end_of_headers(fixture, "<finish@x.example>");
    return transaction_finish(fixture->transaction, NULL, &edits);
}

static struct verdict give_plan(struct fixture *fixture)
{
    struct edit_list edits;
    fixture_mail(fixture, "<a@x.example>");
    fixture_rcpt(fixture, "<drop@example.com>");
    return transaction_finish(fixture->transaction, NULL, &edits);
}

static struct verdict give_edit(struct fixture *fixture)
{
    const struct edit_list none = {0};
    struct error error = {0};
    error_set(&error, ERROR_REMOTE, "not taken");
    fixture_mail(fixture, "<a@x.example>");
    return transaction_edit_failed(fixture->transaction, &none, &error);
}

static const struct {
    const char *name;
    struct verdict (*give)(struct fixture *fixture);
    const char *text; /* without the id */
    int code;
    bool of_rule;
} cases[] = {
    {"connect", give_connect, "connect", 550, true},
    {"helo", give_helo, "helo", 550, true},
    {"stopping", give_stopping, "Service is shutting down, try again later", 421, false},
    {"mail", give_mail, "mail", 550, true},
    {"no mail", give_no_mail, "Syntax: MAIL FROM:<address>", 501, false},
    {"rcpt", give_rcpt, "rcpt", 550, true},
    {"error", give_error, "Temporary failure in message policy, try again later", 451,
     true},
    {"syntax", give_syntax, "Bad recipient address syntax", 501, false},
    {"no begin", give_no_begin, "Syntax: RCPT TO:<address>", 501, false},
    {"too many", give_too_many, "Too many recipients, try again with fewer", 452, false},
    {"data", give_data, "data", 550, true},
    {"headers", give_headers, "headers", 550, true},
    {"long header", give_long_header, "Message header is too long", 552, false},
    {"finish", give_finish, "finish", 550, true},
    {"plan", give_plan, "The message cannot be rewritten now, try again later", 451, false},
    {"edit", give_edit, "The message cannot be rewritten now, try again later", 451, false},
};

static void check_case(size_t number, bool reply_id)
{
    struct fixture fixture;
    fixture_begin(&fixture, rule);
    fixture_open(&fixture);
    fixture.world.parts.transactions.reply_id = reply_id;
    fixture.world.parts.transactions.record_all = reply_id; /* either way */
    struct verdict verdict = cases[number].give(&fixture);
    if (verdict.code != cases[number].code || verdict.id == NULL) {
        fail_msg("%s: code %d, id %s", cases[number].name, verdict.code, verdict.id);
    }
    char want[512];
    snprintf(want, sizeof want, reply_id ? "%s (id %s)" : "%s", cases[number].text,
             verdict.id);
    assert_string_equal(verdict.text, want);
    const struct decision_list *list = transaction_decisions(fixture.transaction);
    assert_true(list->count > 0);
    const struct decision *last = &list->entries[list->count - 1];
    assert_string_equal(last->verdict.id, verdict.id);
    assert_string_equal(last->verdict.text, cases[number].text);
    assert_true((last->rule != NULL) == cases[number].of_rule);
    fixture_end(&fixture);
}

static void test_every_refusal(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_case(i, true);
        check_case(i, false);
    }
}

static void test_text(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    char text[VERDICT_TEXT_BYTES + 1] = {0};
    const size_t lengths[] = {1,
                              10,
                              VERDICT_TEXT_BYTES - 15,
                              VERDICT_TEXT_BYTES - 14,
                              VERDICT_TEXT_BYTES - 13,
                              VERDICT_TEXT_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(text, '%', lengths[i]);
        text[lengths[i]] = '\0';
        struct verdict verdict = {.kind = VERDICT_REJECT,
                                  .code = 550,
                                  .xcode = "5.7.1",
                                  .text = text,
                                  .id = "K7Q2M9XA"};
        verdict.text = decision_id_text(arena, &verdict);
        size_t kept =
            lengths[i] < VERDICT_TEXT_BYTES - 14 ? lengths[i] : VERDICT_TEXT_BYTES - 14;
        assert_int_equal(strlen(verdict.text), kept + 14);
        assert_int_equal(strspn(verdict.text, "%"), kept);
        assert_string_equal(verdict.text + kept, " (id K7Q2M9XA)");
        struct error error;
        assert_true(verdict_check(&verdict, &error));
    }
    arena_free(&arena);
}

/* All characters occur, none that looks like another, and no id comes twice. */
static void test_ids(void **unused)
{
    (void)unused;

    enum { IDS = 2000 };

    struct arena *arena = arena_new();
    static const char *ids[IDS];
    bool seen[256] = {false};
    for (int i = 0; i < IDS; i++) {
        ids[i] = decision_id_new(arena);
        assert_int_equal(strlen(ids[i]), DECISION_ID_CHARACTERS);
        for (const char *at = ids[i]; *at != '\0'; at++) {
            seen[(unsigned char)*at] = true;
        }
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(ids[i], ids[j]);
        }
    }
    int count = 0;
    for (int c = 0; c < 256; c++) {
        count += seen[c];
        assert_false(seen[c] && strchr("01OIL", c) != NULL);
    }
    assert_int_equal(count, 31);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_refusal),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
