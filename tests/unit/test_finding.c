/* SPDX-License-Identifier: MIT */
#include "directory/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What is too much to read is counted, not kept. */
static void keeps_a_thousand_and_counts_all(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    for (int i = 1; i <= 3000; i++) {
        finding_add_format(&findings, i % 3 == 0 ? FINDING_ERROR : FINDING_WARNING, "code",
                           "file", i, "remedy", "message %d", i);
    }
    assert_int_equal(findings.count, FINDINGS_KEPT_MAX);
    assert_int_equal(finding_count(&findings, FINDING_ERROR), 1000);
    assert_int_equal(finding_count(&findings, FINDING_WARNING), 2000);
    for (int i = 0; i < FINDINGS_KEPT_MAX; i++) {
        assert_int_equal(findings.entries[i].line, i + 1);
    }
    assert_string_equal(findings.entries[999].message, "message 1000");
    size_t used = arena_used(arena);
    for (int i = 0; i < 1000; i++) {
        finding_add(&findings, FINDING_ERROR, "code", "file", i, "message", "remedy");
    }
    assert_int_equal(arena_used(arena), used);
    assert_int_equal(finding_count(&findings, FINDING_ERROR), 2000);
    arena_free(&arena);
}

static void nobody_may_want_to_know(void **state)
{
    (void)state;
    finding_add(NULL, FINDING_ERROR, "code", "file", 1, "message", "remedy");
    finding_add_format(NULL, FINDING_ERROR, "code", "file", 1, "remedy", "%d", 1);
}

static void copies_text_and_bounds_messages(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    char text[4096];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    finding_add_format(&findings, FINDING_WARNING, "code", "file", 1, "remedy", "%s", text);
    assert_int_equal(strlen(findings.entries[0].message), 2047);
    strcpy(text, "once");
    finding_add(&findings, FINDING_WARNING, "code", "file", 1, text, text);
    strcpy(text, "else");
    assert_string_equal(findings.entries[1].message, "once");
    assert_string_equal(findings.entries[1].remedy, "once");
    arena_free(&arena);
}

/* By file as they came, then by line; of one line as they came. */
static void sorts(void **state)
{
    (void)state;

    static const struct {
        const char *file;
        int line;
        const char *code;
    } added[] = {{"b", 7, "6"}, {"b", 3, "4"}, {"a", 9, "9"}, {"b", 0, "1"}, {"b", 3, "5"},
                 {"a", 1, "8"}, {"b", 1, "2"}, {"a", 0, "7"}, {"b", 2, "3"}};

    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    finding_sort(&findings);
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        finding_add(&findings, FINDING_WARNING, added[i].code, added[i].file, added[i].line,
                    "message", "remedy");
    }
    finding_sort(&findings);
    char order[16] = "";
    for (size_t i = 0; i < findings.count; i++) {
        strcat(order, findings.entries[i].code);
    }
    assert_string_equal(order, "123456789");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_thousand_and_counts_all),
        cmocka_unit_test(nobody_may_want_to_know),
        cmocka_unit_test(copies_text_and_bounds_messages),
        cmocka_unit_test(sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
