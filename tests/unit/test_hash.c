/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 100000, BUCKETS = 1 << 17 };

static int compare(const void *left, const void *right)
{
    uint32_t a;
    uint32_t b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return (a > b) - (a < b);
}

/* Keys as they stand in tables, much alike: their hashes fall into buckets as if by chance,
 * by the low bits as well as whole. */
static void spreads_keys_of_a_kind(void **state)
{
    (void)state;

    static const char *const formats[] = {
        "user%d@example.com",
        "%d",
        "u%08d@a.test",
        "@domain%d.example",
        "u%d+tag@a.test",
        "a-rather-long-local-part-of-somebody-%d@mail.department.example.com"};

    uint32_t *hashes = calloc(KEYS, sizeof *hashes);
    unsigned char *buckets = calloc(BUCKETS, 1);
    assert_true(hashes != NULL && buckets != NULL);
    for (size_t format = 0; format < sizeof formats / sizeof formats[0]; format++) {
        size_t fullest = 0;
        size_t used = 0;
        memset(buckets, 0, BUCKETS);
        for (int i = 0; i < KEYS; i++) {
            char key[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            int length = snprintf(key, sizeof key, formats[format], i);
#pragma GCC diagnostic pop
            hashes[i] = (uint32_t)(hash_bytes(0, key, (size_t)length) >> 32);
            unsigned char *bucket = &buckets[hashes[i] % BUCKETS];
            used += ++*bucket == 1;
            fullest = *bucket > fullest ? *bucket : fullest;
        }
        qsort(hashes, KEYS, sizeof *hashes, compare);
        size_t same = 0;
        for (int i = 1; i < KEYS; i++) {
            same += hashes[i] == hashes[i - 1];
        }
        /* By chance: 1.2 of 100000 are the same, 70000 buckets are used, the fullest has 8.
         */
        assert_true(same <= 12);
        assert_true(used > 65000);
        assert_true(fullest <= 14);
    }
    free(hashes);
    free(buckets);
}

static void depends_on_every_byte_and_on_the_length(void **state)
{
    (void)state;
    char bytes[64] = {0};
    uint64_t before[64];
    for (size_t length = 0; length < sizeof bytes; length++) {
        uint64_t plain = hash_bytes(0, bytes, length);
        before[length] = plain;
        for (size_t i = 0; i < length; i++) {
            assert_true(before[i] != plain);
            bytes[i] = 1;
            assert_true(hash_bytes(0, bytes, length) != plain);
            bytes[i] = 0;
        }
    }
    assert_true(hash_bytes(0, bytes, 8) != hash_bytes(1, bytes, 8));
    assert_true(hash_bytes(0, "", 0) != hash_bytes(1, "", 0));
}

/* Nothing beyond the end is read, wherever the bytes lie. */
static void reads_no_more_than_it_is_given(void **state)
{
    (void)state;
    for (size_t length = 0; length < 32; length++) {
        char *exact = malloc(length > 0 ? length : 1);
        char shifted[40];
        assert_non_null(exact);
        memset(exact, 'x', length);
        for (size_t shift = 0; shift < 8; shift++) {
            memset(shifted, 'y', sizeof shifted);
            memset(shifted + shift, 'x', length);
            assert_true(hash_bytes(5, exact, length) ==
                        hash_bytes(5, shifted + shift, length));
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_keys_of_a_kind),
        cmocka_unit_test(depends_on_every_byte_and_on_the_length),
        cmocka_unit_test(reads_no_more_than_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
