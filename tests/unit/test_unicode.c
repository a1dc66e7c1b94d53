/* SPDX-License-Identifier: MIT */
#include "mail/unicode.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Four bytes at most, and a NUL. */
static void write_character(char *text, uint32_t character)
{
    memset(text, 0, 5);
    if (character < 0x80) {
        text[0] = (char)character;
    } else if (character < 0x800) {
        text[0] = (char)(0xc0 | character >> 6);
        text[1] = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        text[0] = (char)(0xe0 | character >> 12);
        text[1] = (char)(0x80 | (character >> 6 & 0x3f));
        text[2] = (char)(0x80 | (character & 0x3f));
    } else {
        text[0] = (char)(0xf0 | character >> 18);
        text[1] = (char)(0x80 | (character >> 12 & 0x3f));
        text[2] = (char)(0x80 | (character >> 6 & 0x3f));
        text[3] = (char)(0x80 | (character & 0x3f));
    }
}

/* The search looks for these before it makes a text flat. */
static void knows_all_signs(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (uint32_t character = 1; character < 0x110000; character++) {
        char text[5];
        write_character(text, character);
        if (text_utf8_length(text, strlen(text)) == 0) {
            continue; /* a surrogate */
        }
        const char *flat = unicode_flatten(arena, unicode_clean(arena, text, strlen(text)));
        bool is_sign = character == '@' || character == 0xfe6b || character == 0xff20;
        if ((strchr(flat, '@') != NULL) != is_sign) {
            fail_msg("U+%04X becomes %s", character, flat);
        }
        if (character % 4096 == 0) {
            arena_reset(arena);
        }
    }
    arena_free(&arena);
}

static void cleans_and_flattens(void **state)
{
    (void)state;

    static const struct {
        const char *text, *clean, *flat;
    } cases[] = {
        {"", "", ""},
        {"a\tb\r\nc\x7f", "a b  c ", "a b  c "},
        {"\xc3\xa4", "\xc3\xa4", "\xc3\xa4"},
        {"a\xcc\x88", "a\xcc\x88", "\xc3\xa4"},
        {"\xe4 \xa0\x80", "\xc3\xa4 \xc2\xa0\xef\xbf\xbd", "\xc3\xa4  \xef\xbf\xbd"},
        {"\xc2\x85\xe2\x80\xa8", "  ", "  "},
        {"\xed\xa0\x80", "\xc3\xad\xc2\xa0\xef\xbf\xbd", "\xc3\xad \xef\xbf\xbd"},
        {"a\xe2\x80\x8d\xcc\x88", "a\xe2\x80\x8d\xcc\x88", "\xc3\xa4"},
        {"\xef\xbc\xa1\xef\xbc\x8e\xef\xbd\xa1", "\xef\xbc\xa1\xef\xbc\x8e\xef\xbd\xa1",
         "A.."},
        {"\xf3\xa0\x81\x81x", "\xf3\xa0\x81\x81x", "x"}, /* a tag */
        {"\xe3\x80\x80", "\xe3\x80\x80", " "},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *clean = unicode_clean(arena, cases[i].text, strlen(cases[i].text));
        assert_string_equal(clean, cases[i].clean);
        assert_string_equal(unicode_flatten(arena, clean), cases[i].flat);
        arena_free(&arena);
    }
}

static void reverses_what_is_overridden(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_null(unicode_reverse_overridden(arena, "abc"));
    const char *reversed = unicode_reverse_overridden(arena, "\xe2\x80\xae\xc3\xa4\x62");
    assert_string_equal(reversed, "b\xc3\xa4\xe2\x80\xae");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_all_signs),
        cmocka_unit_test(cleans_and_flattens),
        cmocka_unit_test(reverses_what_is_overridden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
