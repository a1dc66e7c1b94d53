/* SPDX-License-Identifier: MIT */
#include "mail/encoded_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AE "\xc3\xa4"
#define UNKNOWN "\xef\xbf\xbd"

static void decodes_words(void **state)
{
    (void)state;

    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        /* RFC 2047 8 */
        {"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"},
        {"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xc3\xb8rn Simonsen"},
        {"=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard"},
        {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= "
         "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
         "If you can read this you understand the example."},
        {"=?ISO-8859-1?Q?a?=", "a"},
        {"=?ISO-8859-1?Q?a?= b", "a b"},
        {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
        {"=?ISO-8859-1?Q?a?=  \r\n\t =?ISO-8859-1?Q?b?=", "ab"},
        {"=?ISO-8859-1?Q?a_b?=", "a b"},
        {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
        /* Language, case, no blank around */
        {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
        {"=?utf-8?q?=c3=A4?=", AE},
        {"x=?utf-8?q?=C3=A4?=y", "x" AE "y"},
        {"=?utf-8?q?a?==?utf-8?q?b?=", "ab"},
        /* A character over two words */
        {"=?utf-8?q?=C3?= =?UTF-8?Q?=A4?=", AE},
        {"=?utf-8?b?ww==?= =?utf-8?q?=A4?=", AE},
        {"=?utf-8?q?=C3?= x =?utf-8?q?=A4?=", "\xc3\x83 x \xc2\xa4"},
        {"=?gb18030?b?xA==?= =?gb18030?b?4w==?=", "\xe4\xbd\xa0"},
        /* Charsets */
        {"=?windows-1252?q?=80?=", "\xe2\x82\xac"},
        {"=?iso-8859-1?q?=80?=", "\xe2\x82\xac"},
        {"=?koi8-r?b?8NLJ18XU?=", "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
        {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"=?shift_jis?b?k/qWew==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"=?utf-7?q?a+AEA-b?=", "a@b"},
        {"=?us-ascii?q?=E4?=", AE},
        {"=?windows-1252?q?a=81b?=", "a" UNKNOWN "b"},
        {"=?iso-2022-jp?q?=1B$B?=", ""},
        {"=?x-none?q?a?=", "a"},
        {"=?x-none?b?YUBi?=", "a@b"},
        {"=?x-none?q?=C3=A4?= =?utf-8?q?b?=", AE "b"},
        {"=?utf-8?q?a?= =?unknown-8bit?q?=E4?=", "a" AE},
        {"=?euc-jp?q?=C6?=", UNKNOWN},
        /* Lenient */
        {"=?utf-8?Q?a b?=", "a b"},
        {"=?utf-8?Q?a?b?=", "a?b"},
        {"=?utf-8?q?really?\?=", "really?"},
        {"=?utf-8?q?a=?=", "a="},
        {"=?utf-8?q?=4?=", "=4"},
        {"=?utf-8?q?=zz?=", "=zz"},
        {"=?utf-8?b?YQ?=", "a"},
        {"=?utf-8?b?YQ==YQ==?=", "aa"},
        {"=?utf-8?b?Y!Q?=", "a"},
        {"=?utf-8?q?\?=", ""},
        {"=?utf-8?b?\?=", ""},
        /* As they are */
        {"=?utf-8?b?!?=", "=?utf-8?b?!?="},
        {"=?utf-8?b?A?=", "=?utf-8?b?A?="},
        {"=?utf-8?x?a?=", "=?utf-8?x?a?="},
        {"=?utf-8?q?a", "=?utf-8?q?a"},
        {"=?utf-8?q?a?", "=?utf-8?q?a?"},
        {"=?utf-8?q", "=?utf-8?q"},
        {"=?utf-8?", "=?utf-8?"},
        {"=?", "=?"},
        {"=??q?a?=", "=??q?a?="},
        {"=?utf-8//IGNORE?q?a?=", "=?utf-8//IGNORE?q?a?="},
        {"=?a?q?=?utf-8?q?b?=", "=?a?q?b"},
        /* No control characters, always UTF-8 */
        {"=?utf-8?q?a=00b=0D=0Ac=7Fd=C2=85e?=", "a b  c d e"},
        {"=?utf-16be?b?AAAAQQ==?=", " A"},
        {"a\tb", "a b"},
        {"J\xf6rg", "J\xc3\xb6rg"},
        {"J\x80rg", "J" UNKNOWN "rg"},
        {"J\xf6rg =?utf-8?q?=FF?=", "J\xc3\xb6rg \xc3\xbf"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct encoded_words words = {.charset_count = 0};
        const char *got = encoded_words_decode(&words, arena, cases[i].text);
        assert_false(words.exceeded);
        encoded_words_end(&words);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].text, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void says_when_there_are_more_charsets(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct encoded_words words = {.charset_count = 0};
    for (int i = 0; i < ENCODED_CHARSETS_MAX; i++) {
        /* Known ones and others. */
        const char *text = arena_format(arena, "=?windows-125%d?q?a?=", 2 * i);
        assert_string_equal(encoded_words_decode(&words, arena, text), "a");
    }
    assert_string_equal(encoded_words_decode(&words, arena, "=?Windows-1250?q?a?="), "a");
    assert_string_equal(encoded_words_decode(&words, arena, "=?utf-8?q?a?="), "a");
    assert_false(words.exceeded);
    const char *more = "=?koi8-r?q?a?=";
    assert_string_equal(encoded_words_decode(&words, arena, more), more);
    assert_true(words.exceeded);
    assert_string_equal(encoded_words_decode(&words, arena, "=?utf-8?q?a?="), "a");
    encoded_words_end(&words);
    arena_free(&arena);
}

/* 256 KiB of the beginnings of words, of words that cannot be read, and of words. */
static void stands_long_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "=?",
        "=?a?q?",
        "=?utf-8?q?",
        "=?utf-8?b?!?=",
        "=?x-none?q?a?=",
        "=?utf-8?q?=C3?= ",
        "=?koi8-r?q?=C3?= =?utf-8?b?",
        "=?utf-7?q?a?= =?koi8-r?q?a?=",
        "?=",
    };

    enum { LENGTH = 262144 };

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct arena *arena = arena_new();
        size_t length = strlen(pieces[i]);
        char *text = arena_alloc(arena, LENGTH + length + 1);
        for (size_t used = 0; used < LENGTH; used += length) {
            memcpy(text + used, pieces[i], length);
        }
        struct encoded_words words = {.charset_count = 0};
        const char *got = encoded_words_decode(&words, arena, text);
        encoded_words_end(&words);
        assert_true(strlen(got) <= 3 * strlen(text));
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_words),
        cmocka_unit_test(says_when_there_are_more_charsets),
        cmocka_unit_test(stands_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
