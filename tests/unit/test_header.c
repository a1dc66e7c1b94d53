/* SPDX-License-Identifier: MIT */
#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_find(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct header_list list = {0};
    char name[] = "Received";
    header_add(&list, arena, name, "one");
    name[0] = 'X';
    header_add(&list, arena, "From", "a@x");
    header_add(&list, arena, "RECEIVED", "two\n folded");
    header_add(&list, arena, "received", "");
    static const char *const values[] = {"one", "two\n folded", ""};
    const struct header *found = NULL;
    for (size_t i = 0; i < 3; i++) {
        found = header_next(&list, "ReceiveD", found);
        assert_string_equal(found->value, values[i]);
    }
    assert_null(header_next(&list, "Received", found));
    assert_null(header_next(&list, "Receive", NULL));
    assert_null(header_next(&list, "", NULL));
    assert_int_equal(list.bytes, 8 + 3 + 4 + 4 + 3 + 4 + 8 + 11 + 4 + 8 + 0 + 4);
    assert_false(list.truncated);
    arena_free(&arena);
}

static void test_count_limit(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct header_list list = {0};
    for (int i = 0; i < HEADER_LIST_COUNT; i++) {
        header_add(&list, arena, "X", "y");
    }
    assert_false(list.truncated);
    header_add(&list, arena, "Last", "z");
    assert_true(list.truncated);
    assert_int_equal(list.count, HEADER_LIST_COUNT);
    assert_null(header_next(&list, "Last", NULL));
    assert_int_equal(list.bytes, HEADER_LIST_COUNT * 6 + 9);
    arena_free(&arena);
}

static void test_bytes_limit(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct header_list list = {0};
    static char value[HEADER_LIST_BYTES];
    memset(value, 'x', sizeof value - 1);
    value[HEADER_LIST_BYTES - 5] = '\0'; /* with X, colon, blank, CRLF: the limit itself */
    header_add(&list, arena, "X", value);
    assert_int_equal(list.bytes, HEADER_LIST_BYTES);
    assert_false(list.truncated);
    header_add(&list, arena, "", "");
    assert_true(list.truncated);
    assert_int_equal(list.count, 1);
    size_t used = arena_used(arena);
    for (int i = 0; i < 100; i++) {
        header_add(&list, arena, "X", value);
    }
    assert_int_equal(arena_used(arena), used); /* what is beyond is not kept */
    assert_int_equal(list.bytes, (size_t)101 * HEADER_LIST_BYTES + 4);
    arena_free(&arena);
}

static const struct {
    const char *name;
    bool valid;
} names[] = {
    {"Subject", true},   {"X-Foregate", true}, {"!#$%&'*+-.^_`|~", true},
    {"a", true},         {"", false},          {"a b", false},
    {"a:", false},       {":", false},         {"a\t", false},
    {"a\n", false},      {"a\r\nb", false},    {"\x7f", false},
    {"\xc3\xb6", false},
};

static void test_names(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (header_name_is_valid(names[i].name) != names[i].valid) {
            fail_msg("\"%s\" is %svalid", names[i].name, names[i].valid ? "not " : "");
        }
    }
    char name[78];
    memset(name, 'x', sizeof name);
    name[76] = '\0';
    assert_true(header_name_is_valid(name));
    name[76] = 'x';
    name[77] = '\0';
    assert_false(header_name_is_valid(name));
}

static void test_values(void **unused)
{
    (void)unused;
    char value[1000];
    memset(value, 'x', sizeof value);
    assert_true(header_value_is_valid("", 0));
    assert_true(header_value_is_valid("\t 8-bit \xff", 9));
    assert_true(header_value_is_valid(value, 998));
    assert_false(header_value_is_valid(value, 999));
    assert_false(header_value_is_valid("a\nb", 3));
    assert_false(header_value_is_valid("a\r", 2));
    assert_false(header_value_is_valid("a\0b", 3));
    assert_true(header_value_is_valid("a\0b", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),        cmocka_unit_test(test_count_limit),
        cmocka_unit_test(test_bytes_limit), cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
