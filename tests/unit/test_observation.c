/* SPDX-License-Identifier: MIT */
#include "mail/observation_text.h"

#include "mail/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(string)                                                                       \
    {                                                                                      \
        .type = VALUE_TEXT, .text = {.bytes = (string), .length = sizeof(string) - 1 }     \
    }

static struct value entry_texts[] = {TEXT("b"), TEXT("a \"quoted\" one")};
static struct value_entry list_entries[] = {
    {.key = {.type = VALUE_INTEGER, .integer = 1}, .value = TEXT("a")},
    {.key = {.type = VALUE_INTEGER, .integer = 2}, .value = {.type = VALUE_NIL}},
};
static struct value_entry named_entries[] = {
    {.key = TEXT("a b"), .value = {.type = VALUE_BOOL, .boolean = true}},
    {.key = {.type = VALUE_INTEGER, .integer = 7}, .value = {.type = VALUE_TABLE}},
};

static const struct {
    struct value value;
    const char *text;
} values[] = {
    {{.type = VALUE_NIL}, "nil"},
    {{.type = VALUE_BOOL, .boolean = false}, "false"},
    {{.type = VALUE_INTEGER, .integer = INT64_MIN}, "-9223372036854775808"},
    {{.type = VALUE_NUMBER, .number = 0.5}, "0.5"},
    {TEXT("alice+x@example.com"), "alice+x@example.com"},
    {TEXT("192.0.2.1"), "192.0.2.1"},
    {TEXT("b\xc3\xbc"
          "cher"),
     "b\xc3\xbc"
     "cher"},
    {TEXT(""), "\"\""},
    {TEXT("nil"), "\"nil\""},
    {TEXT("false"), "\"false\""},
    {TEXT("10"), "\"10\""},
    {TEXT("0x10"), "\"0x10\""},
    {TEXT("a b"), "\"a b\""},
    {TEXT("a,b"), "\"a,b\""},
    {TEXT("a\"\\b"), "\"a\\\"\\\\b\""},
    {TEXT("a\r\nb\x00"
          "c\x1b"),
     "\"a\\x0d\\x0ab\\x00c\\x1b\""},
    {TEXT("\xff"), "\\xff"},
    {TEXT("\xc2\x9b"), "\\xc2\\x9b"},
    {{.type = VALUE_TABLE}, "{}"},
    {{.type = VALUE_TABLE, .table = {.entries = list_entries, .count = 2}}, "{ a, nil }"},
    {{.type = VALUE_TABLE, .table = {.entries = named_entries, .count = 2}},
     "{ \"a b\" = true, 7 = {} }"},
};

static void test_values(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct value value = values[i].value;
        const struct observation observation = {
            .kind = OBSERVATION_INPUT,
            .name = "x",
            .results = {.values = &value, .count = 1},
            .returned = true,
        };
        char want[128];
        snprintf(want, sizeof want, "x = %s", values[i].text);
        assert_string_equal(observation_text(arena, &observation, 200), want);
    }
    arena_free(&arena);
}

static void test_calls(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct observation observation = {
        .kind = OBSERVATION_ANSWER,
        .name = "f.g\n",
        .arguments = {.values = entry_texts, .count = 2},
    };
    assert_string_equal(observation_text(arena, &observation, 200),
                        "f.g\\x0a(b, \"a \\\"quoted\\\" one\"): no result");
    observation.returned = true;
    assert_string_equal(observation_text(arena, &observation, 200),
                        "f.g\\x0a(b, \"a \\\"quoted\\\" one\")");
    observation.results = observation.arguments;
    observation.arguments.count = 0;
    assert_string_equal(observation_text(arena, &observation, 8),
                        "f.g\\x0a() = b, \"a \\\"...");
    observation.elapsed_ms = 1.25;
    assert_string_equal(observation_origin(arena, &observation), "1.2 ms");
    observation.source = "lease";
    observation.remark = "much left";
    assert_string_equal(observation_origin(arena, &observation),
                        "lease: much left; 1.2 ms");
    observation.kind = OBSERVATION_EDIT;
    assert_null(observation_origin(arena, &observation));
    arena_free(&arena);
}

/* Those of a rule stand in its decision, and the next one begins with none. */
static void test_decisions(void **unused)
{
    (void)unused;
    struct arena *observed = arena_new();
    const struct value_list none = {0};
    struct decision_list list = {.arena = arena_new(), .observed = observed};
    assert_null(decision_observe(&list, OBSERVATION_INPUT, "x", &none));
    assert_int_equal(decision_add(&list)->observations.count, 0);
    list.complete = true;
    assert_non_null(decision_observe(&list, OBSERVATION_INPUT, "x", &none));
    assert_non_null(decision_observe(&list, OBSERVATION_NOTE, "y", &none));
    const struct value_list some = {.values = entry_texts, .count = 1};
    assert_true(decision_has_observed(&list, OBSERVATION_NOTE, "y", &none));
    assert_false(decision_has_observed(&list, OBSERVATION_NOTE, "y", &some));
    assert_false(decision_has_observed(&list, OBSERVATION_NOTE, "x", &none));
    const struct decision *decision = decision_add(&list);
    assert_int_equal(decision->observations.count, 2);
    assert_false(decision_has_observed(&list, OBSERVATION_NOTE, "y", &none));
    assert_string_equal(decision->observations.first->next->name, "y");
    list.observed_bytes = OBSERVATION_BYTES;
    assert_null(decision_observe(&list, OBSERVATION_INPUT, "x", &none));
    assert_int_equal(decision_add(&list)->observations.dropped_count, 1);
    list.observed_bytes = 0;
    list.is_closed = true;
    assert_null(decision_observe(&list, OBSERVATION_INPUT, "x", &none));
    arena_free(&list.arena);
    arena_free(&observed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
