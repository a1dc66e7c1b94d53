/* SPDX-License-Identifier: MIT */
#include "mail/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct value integer(int64_t number)
{
    return (struct value){.type = VALUE_INTEGER, .integer = number};
}

static void test_equal(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    const struct value values[] = {
        {.type = VALUE_NIL},
        {.type = VALUE_BOOL, .boolean = true},
        {.type = VALUE_BOOL, .boolean = false},
        {.type = VALUE_INTEGER, .integer = 0},
        {.type = VALUE_INTEGER, .integer = INT64_MIN},
        value_text(arena, "", 0),
        value_text(arena, "a", 1),
        value_text(arena, "A", 1),
        value_text(arena, "a\0b", 3),
        value_text(arena, "a\0c", 3),
    };
    size_t count = sizeof values / sizeof values[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(value_equal(&values[i], &values[j]), i == j);
        }
    }
    const struct value number = {.type = VALUE_NUMBER, .number = 1.5};
    const struct value other = {.type = VALUE_NUMBER, .number = 2.5};
    assert_true(value_equal(&number, &number));
    assert_false(value_equal(&number, &other));
    arena_free(&arena);
}

static struct value table_of(struct arena *arena, const char *key, struct value content)
{
    struct value table = {.type = VALUE_TABLE};
    value_set(arena, &table, value_text(arena, key, strlen(key)), content);
    return table;
}

static void test_tables_equal(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct value tables[] = {
        {.type = VALUE_TABLE},
        table_of(arena, "a", integer(1)),
        table_of(arena, "a", integer(2)),
        table_of(arena, "b", integer(1)),
        table_of(arena, "a", table_of(arena, "a", integer(1))),
        table_of(arena, "a", table_of(arena, "a", integer(2))),
    };
    size_t count = sizeof tables / sizeof tables[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(value_equal(&tables[i], &tables[j]), i == j);
            const struct value_list left = {.values = &tables[i], .count = 1};
            const struct value_list right = {.values = &tables[j], .count = 1};
            assert_int_equal(value_list_equal(&left, &right), i == j);
        }
    }
    const struct value_list none = {0};
    const struct value_list one = {.values = tables, .count = 1};
    assert_false(value_list_equal(&none, &one));
    arena_free(&arena);
}

static void test_lists(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct value list = {.type = VALUE_TABLE};
    assert_true(value_is_list(&list));
    value_set(arena, &list, integer(1), integer(7));
    value_set(arena, &list, integer(2), integer(7));
    assert_true(value_is_list(&list));
    value_set(arena, &list, integer(4), integer(7));
    assert_false(value_is_list(&list));
    const struct value named = table_of(arena, "a", integer(1));
    assert_false(value_is_list(&named));
    arena_free(&arena);
}

static void test_text_is_a_copy(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    char bytes[] = "abc";
    struct value value = value_text(arena, bytes, 2);
    bytes[0] = 'x';
    assert_int_equal(value.text.length, 2);
    assert_string_equal(value.text.bytes, "ab");
    arena_free(&arena);
}

static void test_set_and_find(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct value table = {.type = VALUE_TABLE};
    const struct value nil = {.type = VALUE_NIL};
    const struct value letter = value_text(arena, "a", 1);
    assert_null(value_find(&table, &letter));
    value_set(arena, &table, value_text(arena, "a", 1), nil); /* removes nothing */
    assert_int_equal(table.table.count, 0);
    for (int i = 0; i < 100; i++) {
        value_set(arena, &table, integer(i), integer(i * 2));
    }
    value_set(arena, &table, value_text(arena, "1", 1), integer(-1)); /* not the number 1 */
    assert_int_equal(table.table.count, 101);
    struct value key = integer(1);
    assert_int_equal(value_find(&table, &key)->integer, 2);
    const struct value digit = value_text(arena, "1", 1);
    assert_int_equal(value_find(&table, &digit)->integer, -1);

    value_set(arena, &table, integer(1), value_text(arena, "new", 3));
    assert_int_equal(table.table.count, 101);
    assert_string_equal(value_find(&table, &key)->text.bytes, "new");
    value_set(arena, &table, integer(1), nil);
    assert_null(value_find(&table, &key));
    assert_int_equal(table.table.count, 100);
    for (int i = 0; i < 100; i++) {
        key = integer(i);
        assert_int_equal(value_find(&table, &key) != NULL, i != 1);
        value_set(arena, &table, key, nil);
    }
    value_set(arena, &table, value_text(arena, "1", 1), nil);
    assert_int_equal(table.table.count, 0);
    value_set(arena, &table, integer(7), integer(7));
    key = integer(7);
    assert_int_equal(value_find(&table, &key)->integer, 7);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),        cmocka_unit_test(test_tables_equal),
        cmocka_unit_test(test_lists),        cmocka_unit_test(test_text_is_a_copy),
        cmocka_unit_test(test_set_and_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
