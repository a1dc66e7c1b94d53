/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 16, 17, 4095, 4096, 4097, 100000};
    struct arena *arena = arena_new();
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *memory = arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
            assert_true(is_zero(memory, sizes[i]));
            memset(memory, 0xff, sizes[i]);
        }
        arena_reset(arena);
    }
    arena_free(&arena);
    assert_null(arena);
}

/* A large piece must not move what was allocated before, nor waste the current block. */
static void pieces_do_not_overlap(void **state)
{
    (void)state;

    enum { PIECES = 500 };
    struct arena *arena = arena_new();
    unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i % 50 == 49 ? 9000 : i;
        pieces[i] = arena_alloc(arena, size);
        memset(pieces[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i % 50 == 49 ? 9000 : i;
        for (size_t j = 0; j < size; j++) {
            assert_int_equal(pieces[i][j], i % 251);
        }
    }
    arena_free(&arena);
}

static void copies_end_with_nul(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_null(arena_copy(arena, NULL));
    assert_string_equal(arena_copy(arena, ""), "");
    assert_string_equal(arena_copy(arena, "text"), "text");
    assert_string_equal(arena_copy_bytes(arena, "longer", 4), "long");
    assert_string_equal(arena_copy_bytes(arena, NULL, 0), "");
    assert_memory_equal(arena_copy_bytes(arena, "a\0b", 3), "a\0b", 4);
    assert_string_equal(arena_format(arena, "%s-%d", "x", 7), "x-7");
    assert_int_equal(strlen(arena_format(arena, "%5000s", "x")), 5000);
    arena_free(&arena);
}

static void used_counts_until_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_int_equal(arena_used(arena), 0);
    arena_array(arena, 10, 8);
    assert_in_range(arena_used(arena), 80, 96);
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    arena_free(&arena);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(used_counts_until_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
