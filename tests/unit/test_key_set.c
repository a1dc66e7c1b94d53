/* SPDX-License-Identifier: MIT */
#include "mail/key_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 20000 };

static void test_case_is_ignored(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct key_set *set = key_set_new(arena);
    assert_false(key_set_has(set, ""));
    assert_true(key_set_add(set, "Alice@Example.com"));
    assert_false(key_set_add(set, "alice@EXAMPLE.COM"));
    assert_true(key_set_has(set, "ALICE@example.com"));
    assert_false(key_set_has(set, "alice@example.co"));
    assert_false(key_set_has(set, "alice@example.comm"));
    /* ASCII letters only: no other bytes are folded. */
    assert_true(key_set_add(set, "\xc3\xa4@x"));
    assert_true(key_set_add(set, "\xc3\x84@x"));
    assert_true(key_set_add(set, "a[b@x"));
    assert_true(key_set_add(set, "a{b@x"));
    assert_true(key_set_add(set, ""));
    assert_false(key_set_add(set, ""));
    arena_free(&arena);
}

static void test_grows(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct key_set *set = key_set_new(arena);
    for (int i = 0; i < MANY; i++) {
        assert_true(key_set_add(set, arena_format(arena, "u%d@x", i)));
        assert_false(key_set_add(set, arena_format(arena, "U%d@X", i)));
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(key_set_has(set, arena_format(arena, "u%d@X", i)));
        assert_false(key_set_has(set, arena_format(arena, "v%d@x", i)));
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_is_ignored),
        cmocka_unit_test(test_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
