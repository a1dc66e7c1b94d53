/* SPDX-License-Identifier: MIT */
/* What observations and records may take, and that no mail is refused for them. */
#include "rule_fixture.h"

#include "record/record.h"

#include <time.h>

enum { MIB = 1 << 20 };

static void begin(struct fixture *fixture, const char *body)
{
    char rule[2048];
    snprintf(rule, sizeof rule,
             "local text = ('x'):rep(1000000)\n"
             "return { name = 'probe', rcpt = function(session, message, recipient)\n"
             "if #message.recipients < 2 then return end\n%s\nend }\n",
             body);
    fixture_begin(fixture, rule);
    fixture_set(fixture, "deadline.command=25s");
}

static size_t used(const struct fixture *fixture)
{
    const struct decision_list *list = transaction_decisions(fixture->transaction);
    return arena_used(list->arena) + arena_used(list->observed);
}

/* However often and however much a rule reads. */
static void test_one_rule(void **unused)
{
    (void)unused;

    static const struct {
        const char *body;
        size_t most;
    } cases[] = {
        {"local other = message.recipients[1]\n"
         "for i = 1, 200000 do local x = other.state end",
         MIB},
        {"for i = 1, 1001 do message.notes['a' .. i] = i end\n"
         "local other = message.recipients[1]\n"
         "for i = 1, 200000 do local x = other.state end",
         2 * MIB},
        {"for i = 1, 200000 do local x = message:header('From') end", 12 * MIB},
        {"local t = {} for i = 1, 200 do t[i] = text end\n"
         "pcall(directory.is_local, table.unpack(t))",
         4 * MIB},
        {"local t = {} for i = 1, 5000 do t[i] = i end\n"
         "pcall(directory.is_local, table.unpack(t))",
         4 * MIB},
        {"local t = {} for i = 1, 200 do t[i] = text end\n"
         "for i = 1, 100 do pcall(directory.is_local, t, t, t) end",
         12 * MIB},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        begin(&fixture, cases[i].body);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        fixture_rcpt(&fixture, "<bob@example.com>");
        size_t before = used(&fixture);
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        if (verdict.kind != VERDICT_CONTINUE) {
            fail_msg("%s: %s", cases[i].body, fixture_error(&fixture));
        }
        if (used(&fixture) - before > cases[i].most) {
            fail_msg("%s: %zu bytes", cases[i].body, used(&fixture) - before);
        }
        fixture_end(&fixture);
    }
}

/* Recipients are told to come back for what the message keeps, not for what is observed;
 * all messages together keep as much of that as of the other. */
static void test_mail_is_taken(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, "directory.is_local(text:sub(1, 300000))");
    fixture_set(&fixture, "messages.memory=1MiB");
    fixture_open(&fixture);
    for (int i = 0; i < 2; i++) {
        size_t kept = 0;
        fixture_mail(&fixture, "<a@x.example>");
        fixture_rcpt(&fixture, "<bob@example.com>");
        for (int j = 0; j < 20; j++) {
            assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").code, 0);
        }
        const struct decision_list *list = transaction_decisions(fixture.transaction);
        assert_int_equal(list->count, 21);
        for (size_t j = 1; j < list->count; j++) {
            kept += list->entries[j].observations.count;
            assert_int_equal(list->entries[j].observations.count +
                                 list->entries[j].observations.dropped_count,
                             2); /* and message.recipients */
        }
        assert_in_range(kept, 6, 10);
        transaction_end(fixture.transaction);
    }
    fixture_end(&fixture);
}

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A record may be made while libmilter lets nobody else work: at the end of a connection.
 */
static void test_many_headers(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct record record;
    fixture_begin(&fixture,
                  "return { name = 'probe', headers = function(session, message)\n"
                  "local x = message:header('Received') end }\n");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x.example>");
    for (int i = 0; i < 10000; i++) {
        transaction_header(fixture.transaction, "Received", "by x");
    }
    transaction_end_of_headers(fixture.transaction, NULL);
    double before_ms = cpu_ms();
    transaction_describe(fixture.transaction, &record);
    assert_in_range(cpu_ms() - before_ms, 0, 500);
    assert_int_equal(record.header_count, 1);
    assert_int_equal(record.headers[0].count, 10000);
    fixture_end(&fixture);
}

/* What was read before is not looked for among all that was. */
static void test_many_reads(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, "for i = 1, 990 do local x = message.notes['a' .. i] end\n"
                    "for i = 1, 400000 do local x = session.ip end");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<a@x.example>");
    fixture_rcpt(&fixture, "<bob@example.com>");
    double before_ms = cpu_ms();
    assert_int_equal(fixture_rcpt(&fixture, "<alice@example.com>").code, 0);
    assert_in_range(cpu_ms() - before_ms, 0, 3000);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_rule),
        cmocka_unit_test(test_mail_is_taken),
        cmocka_unit_test(test_many_headers),
        cmocka_unit_test(test_many_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
