/* SPDX-License-Identifier: MIT */
#include "directory/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 100000 };

static void fill(struct table *table, int first, int last)
{
    for (int i = first; i < last; i++) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "Key%d@example.com", i);
        snprintf(value, sizeof value, "%d", i);
        assert_true(table_add(table, key, value, i + 1));
    }
}

static void finds_what_was_added(void **state)
{
    (void)state;
    struct table table = {0};
    struct table_entry entry;
    assert_false(table_find(&table, "a", &entry));
    fill(&table, 0, KEYS);
    table_seal(&table);
    assert_int_equal(table.count, KEYS);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "key%d@example.com", i);
        snprintf(value, sizeof value, "%d", i);
        assert_true(table_find(&table, key, &entry));
        assert_string_equal(entry.key, key);
        assert_string_equal(entry.value, value);
        assert_int_equal(entry.line, i + 1);
    }
    assert_false(table_find(&table, "key", &entry));
    assert_false(table_find(&table, "Key1@example.com", &entry));
    assert_false(table_find(&table, "", &entry));
    table_deinit(&table);
    assert_false(table_find(&table, "key1@example.com", &entry));
}

static void keeps_order_and_odd_entries(void **state)
{
    (void)state;

    static const char *const keys[] = {"b", "", "aaaa", "a", "aaa", "aa", "\xff\x01"};

    struct table table = {0};
    for (int i = 0; i < 7; i++) {
        assert_true(table_add(&table, keys[i], keys[6 - i], i));
    }
    table_seal(&table);
    struct table_entry entry;
    size_t cursor = 0;
    for (int i = 0; i < 7; i++) {
        assert_true(table_next(&table, &cursor, &entry));
        assert_string_equal(entry.key, keys[i]);
        assert_string_equal(entry.value, keys[6 - i]);
        assert_int_equal(entry.line, i);
        assert_true(table_find(&table, keys[i], &entry));
    }
    assert_false(table_next(&table, &cursor, &entry));
    table_deinit(&table);
}

static void tells_twins(void **state)
{
    (void)state;
    struct table table = {0};
    struct table_entry entry;
    assert_true(table_add(&table, "a", "1", 1));
    assert_true(table_add(&table, "b", "1", 2));
    assert_false(table_add(&table, "B", "2", 3));
    assert_false(table_add(&table, "b", "3", 4));
    assert_false(table_add_new(&table, "a", "2", 5));
    assert_int_equal(table.count, 2);
    assert_int_equal(table.twins, 2);
    assert_true(table_find(&table, "a", &entry));
    assert_string_equal(entry.value, "1");
    assert_false(table_find_twin(&table, &entry));
    assert_true(table_find(&table, "b", &entry));
    assert_string_equal(entry.value, "1");
    int lines = 0;
    while (table_find_twin(&table, &entry)) {
        assert_string_equal(entry.key, "b");
        lines = lines * 10 + entry.line;
    }
    assert_true(lines == 34 || lines == 43);
    table_deinit(&table);
}

static void check_change(const struct table *old, const struct table *new, size_t added,
                         size_t removed, size_t changed)
{
    struct table_change change = table_compare(old, new);
    assert_int_equal(change.added, added);
    assert_int_equal(change.removed, removed);
    assert_int_equal(change.changed, changed);
}

/* Small, then one so large that it has memory of its own, and small ones behind it. */
static void holds_large_values(void **state)
{
    (void)state;

    enum { VALUE_BYTES = 5 << 20 };
    struct table table = {0};
    struct table_entry entry;
    char *value = malloc(VALUE_BYTES + 1);
    assert_non_null(value);
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    table_expect(&table, table_hash("a", 1));
    fill(&table, 0, 10);
    assert_true(table_add(&table, "large", value, 1));
    fill(&table, 10, 20);
    assert_true(table_add(&table, "larger", value, 2));
    table_seal(&table);
    fill(&table, 20, 30);
    table_expect(&table, table_hash("larger", strlen("larger")));
    assert_true(table_find(&table, "larger", &entry));
    assert_string_equal(entry.value, value);
    assert_true(table_find(&table, "large", &entry));
    assert_string_equal(entry.value, value);
    assert_true(table_find(&table, "key0@example.com", &entry));
    assert_true(table_find(&table, "key29@example.com", &entry));
    table_deinit(&table);
    free(value);
}

static void compares(void **state)
{
    (void)state;
    struct table old = {0};
    struct table new = {0};
    check_change(&old, &new, 0, 0, 0);
    fill(&old, 0, 10);
    check_change(&old, &new, 0, 10, 0);
    check_change(&new, &old, 10, 0, 0);
    check_change(&old, &old, 0, 0, 0);
    fill(&new, 2, 11);
    table_add(&new, "key1@example.com", "other", 1);
    check_change(&old, &new, 1, 1, 1);
    check_change(&new, &old, 1, 1, 1);
    struct table reversed = {0};
    for (int i = 9; i >= 0; i--) {
        fill(&reversed, i, i + 1);
    }
    check_change(&old, &reversed, 0, 0, 0);
    check_change(&new, &reversed, 1, 1, 1);
    table_deinit(&reversed);
    /* Of twins the first counts, in both. */
    table_add(&new, "key5@example.com", "other", 2);
    table_add(&old, "key5@example.com", "another", 3);
    table_add(&new, "twin", "1", 4);
    table_add(&new, "twin", "2", 5);
    check_change(&new, &new, 0, 0, 0);
    check_change(&old, &new, 2, 1, 1);
    check_change(&new, &old, 1, 2, 1);
    table_deinit(&old);
    table_deinit(&new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(keeps_order_and_odd_entries),
        cmocka_unit_test(tells_twins),
        cmocka_unit_test(holds_large_values),
        cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
