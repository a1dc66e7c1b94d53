/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void folds_ascii_only(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(text_fold_copy(arena, "AZaz@[`{\xc3\x84"), "azaz@[`{\xc3\x84");
    assert_null(text_fold_copy(arena, NULL));
    for (int c = 0; c < 256; c++) {
        bool upper = c >= 'A' && c <= 'Z';
        assert_int_equal((unsigned char)text_fold_char((char)c), upper ? c + 32 : c);
    }
    arena_free(&arena);
}

static void compares_folded(void **state)
{
    (void)state;

    static const struct {
        const char *left, *right;
        int sign;
    } cases[] = {
        {"", "", 0},      {"a", "A", 0},  {"abc", "ABD", -1},
        {"b", "A", 1},    {"ab", "a", 1}, {"A", "ab", -1},
        {"\xff", "a", 1}, {"_", "A", -1}, {"\xc4", "\xe4", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sign(text_compare_folded(cases[i].left, cases[i].right)),
                         cases[i].sign);
        assert_int_equal(text_equal_folded(cases[i].left, cases[i].right),
                         cases[i].sign == 0);
    }
    assert_true(text_starts_folded("Owner-list", "owner-"));
    assert_true(text_starts_folded("x", ""));
    assert_false(text_starts_folded("own", "owner-"));
}

static void trims_both_ends(void **state)
{
    (void)state;

    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},     {" \t\r\n\v\f", ""},      {"a", "a"}, {" a b ", "a b"}, {"a\n", "a"},
        {"\ta", "a"}, {"\xc2\xa0", "\xc2\xa0"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        memcpy(text, cases[i].text, strlen(cases[i].text) + 1);
        assert_string_equal(text_trim(text), cases[i].want);
    }
}

static void splits_lists(void **state)
{
    (void)state;
    const char *cursor = " ,a, b\tc,,d ";
    const char *word = NULL;
    size_t length = 0;
    char all[16] = "";
    while (text_next_word(&cursor, &word, &length)) {
        assert_int_equal(length, 1);
        strncat(all, word, 1);
    }
    assert_string_equal(all, "abcd");
    assert_false(text_next_word(&cursor, &word, &length));
}

static void measures_utf8(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t length, want;
    } cases[] = {
        {"a", 1, 1},
        {"\0", 1, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xc1\xbf", 2, 0}, /* overlong */
        {"\xc2\x80", 2, 2},
        {"\xc3", 1, 0},         /* cut */
        {"\xe0\x9f\xbf", 3, 0}, /* overlong */
        {"\xe0\xa0\x80", 3, 3},
        {"\xed\xa0\x80", 3, 0}, /* surrogate */
        {"\xed\x9f\xbf", 3, 3},
        {"\xe2\x82", 2, 0},         /* cut */
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
        {"\xc3\x28", 2, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(text_utf8_length(cases[i].text, cases[i].length), cases[i].want);
    }
}

static void prints_safely(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t maximum;
        const char *want;
    } cases[] = {
        {"plain", 10, "plain"},
        {"a\033[2Jb", 10, "a?[2Jb"},
        {"line\nline\r", 20, "line?line?"},
        {"\xc2\x9b"
         "0m",
         20, "?0m"}, /* C1: CSI */
        {"\xc3\xa4\xff", 20, "\xc3\xa4?"},
        {"abcdef", 3, "abc..."},
        {"ab\xc3\xa4", 3, "ab..."}, /* not cut inside a character */
        {"", 3, ""},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(text_printable(arena, cases[i].text, cases[i].maximum),
                            cases[i].want);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_ascii_only), cmocka_unit_test(compares_folded),
        cmocka_unit_test(trims_both_ends),  cmocka_unit_test(splits_lists),
        cmocka_unit_test(measures_utf8),    cmocka_unit_test(prints_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
