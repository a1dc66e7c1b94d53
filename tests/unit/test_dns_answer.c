/* SPDX-License-Identifier: MIT */
/* Answers of the DNS as bytes: what is taken from them, and that nothing else is. */
#include "io/dns_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(answers) "\x12\x34\x81\x80\0\1" answers "\0\0\0\0"
#define QUESTION "\1q\0\0\1\0\1" /* at 12: 7 bytes, so that records begin at 19 */
#define RR(type, length) "\xc0\x0c" type "\0\1\0\0\0\x3c" length /* its data is at 31 */
#define ONE HEAD("\0\1") QUESTION

struct expectation {
    const char *bytes;
    size_t length;
    enum dns_type type;
    const char *text; /* records with a blank before each; NULL: makes no sense */
    size_t text_length;
};

#define CASE(bytes, type, text)                                                            \
    {                                                                                      \
        bytes, sizeof(bytes) - 1, type, text, sizeof(text) - 1                             \
    }
#define NONSENSE(bytes, type)                                                              \
    {                                                                                      \
        bytes, sizeof(bytes) - 1, type, NULL, 0                                            \
    }

static const struct expectation expectations[] = {
    CASE(HEAD("\0\0") QUESTION, DNS_A, ""),
    CASE("\0\0\x80\0\0\0\0\0\0\0\0\0", DNS_A, ""),
    CASE("\0\0\x80\0\0\0\0\1\0\0\0\0" /* no question */ "\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4",
         DNS_A, " 1.2.3.4"),
    CASE(ONE RR("\0\1", "\0\4") "\1\2\3\4", DNS_A, " 1.2.3.4"),
    CASE(ONE RR("\0\1", "\0\4") "\1\2\3\4 and more", DNS_A, " 1.2.3.4"),
    CASE(ONE RR("\0\1", "\0\4") "\1\2\3\4", DNS_MX, ""),
    CASE(HEAD("\0\2") QUESTION RR("\0\1", "\0\4") "\1\2\3\4" RR("\0\1", "\0\4") "\5\6\7\x8",
         DNS_A, " 1.2.3.4 5.6.7.8"),
    CASE(ONE "\xc0\x0c\0\1\0\3\0\0\0\0\0\4\1\2\3\4" /* class CH */, DNS_A, ""),
    CASE(ONE RR("\0\x1c", "\0\x10") "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", DNS_AAAA,
         " 2001:db8::1"),
    CASE(ONE RR("\0\xc", "\0\5") "\1a\1b\0", DNS_PTR, " a.b"),
    CASE(ONE RR("\0\xc", "\0\1") "\0", DNS_PTR, " ."),
    CASE(ONE RR("\0\xc", "\0\4") "\1a\xc0\x0c", DNS_PTR, " a.q"),
    CASE(ONE RR("\0\xc", "\0\2") "\xc0\x0c", DNS_PTR, " q"),
    CASE(ONE RR("\0\xc", "\0\6") "\4\0.\n\xff\0", DNS_PTR, " \0.\n\xff"),
    CASE(HEAD("\0\3") QUESTION RR("\0\xf", "\0\5") "\0\2\1b\0" RR(
             "\0\xf", "\0\5") "\0\1\1a\0" RR("\0\xf", "\0\5") "\0\2\1c\0",
         DNS_MX, " 1a 2b 2c"),
    CASE(ONE RR("\0\xf", "\0\3") "\xff\xff\0", DNS_MX, " 65535."),
    CASE(ONE RR("\0\x10", "\0\0"), DNS_TXT, " "),
    CASE(ONE RR("\0\x10", "\0\1") "\0", DNS_TXT, " "),
    CASE(ONE RR("\0\x10", "\0\6") "\2a\0\0\1b", DNS_TXT, " a\0b"),

    NONSENSE("", DNS_A),
    NONSENSE("\0\0\x80\0\0\0\0\0\0\0\0", DNS_A),
    NONSENSE("\0\0\0\0\0\1\0\0\0\0\0\0" QUESTION /* is a question */, DNS_A),
    NONSENSE(HEAD("\0\0") "\1q\0\0\1\0", DNS_A),
    NONSENSE(HEAD("\0\0") "\1q", DNS_A),
    NONSENSE(HEAD("\0\0") "\x40q\0\0\1\0\1", DNS_A),
    NONSENSE(ONE, DNS_A),
    NONSENSE(ONE "\xc0", DNS_A),
    NONSENSE(ONE "\xc0\x0c\0\1\0\1\0\0\0", DNS_A),
    NONSENSE(ONE RR("\0\1", "\0\4") "\1\2\3", DNS_A),
    NONSENSE(ONE RR("\0\1", "\0\4") "\1\2\3", DNS_MX),
    NONSENSE(ONE RR("\0\1", "\0\3") "\1\2\3", DNS_A),
    NONSENSE(ONE RR("\0\1", "\0\5") "\1\2\3\4\5", DNS_A),
    NONSENSE(ONE RR("\0\x1c", "\0\4") "\1\2\3\4", DNS_AAAA),
    NONSENSE(ONE RR("\0\xc", "\0\0"), DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\2") "\1a", DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\2") "\2ab", DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\1") "\xc0", DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\2") "\xc0\x1f" /* itself */, DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\4") "\1a\xc0\x1f" /* its beginning */, DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\2") "\xc0\x21\1a\0" /* what follows */, DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\2") "\xc0\x14" /* something that leads back here */,
             DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\4") "\1a\0b" /* more behind the name */, DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\3") "\xc0\x0c"
                                     "b",
             DNS_PTR),
    NONSENSE(ONE RR("\0\xc", "\0\3") "\x80"
                                     "a\0",
             DNS_PTR),
    NONSENSE(ONE RR("\0\xf", "\0\1") "\0", DNS_MX),
    NONSENSE(ONE RR("\0\xf", "\0\2") "\0\1", DNS_MX),
    NONSENSE(ONE RR("\0\x10", "\0\3") "\3ab", DNS_TXT),
    NONSENSE(ONE RR("\0\x10", "\0\3") "\1ab", DNS_TXT),
};

static size_t show(const struct dns_answer *answer, enum dns_type type, char *text)
{
    size_t used = 0;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];
        text[used++] = ' ';
        if (type == DNS_MX) {
            used += (size_t)sprintf(text + used, "%d", record->preference);
        }
        memcpy(text + used, record->bytes, record->length);
        used += record->length;
        assert_int_equal(record->bytes[record->length], '\0');
    }
    return used;
}

/* In memory that is exactly as long, for the address sanitizer. */
static bool parse(const void *bytes, size_t length, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer)
{
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, bytes, length);
    bool ok = dns_answer_parse(copy, length, type, arena, answer);
    free(copy);
    return ok;
}

static void test_answers(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *want = &expectations[i];
        struct dns_answer answer;
        bool ok = parse(want->bytes, want->length, want->type, arena, &answer);
        if (ok != (want->text != NULL)) {
            fail_msg("case %zu: %s", i, ok ? "is taken" : "makes no sense");
        }
        char text[1024];
        size_t length = ok ? show(&answer, want->type, text) : 0;
        if (length != want->text_length ||
            (length > 0 && memcmp(text, want->text, length) != 0)) {
            fail_msg("case %zu: got \"%.*s\"", i, (int)length, text);
        }
        /* No part of it is more than it, nor read beyond its end. */
        for (size_t part = 0; part < want->length; part++) {
            parse(want->bytes, part, want->type, arena, &answer);
        }
    }
    arena_free(&arena);
}

/* Labels of length bytes each, count of them, then the root. */
static size_t add_name(unsigned char *at, size_t count, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        at[used] = (unsigned char)length;
        memset(at + used + 1, 'x', length);
        used += 1 + length;
    }
    at[used] = 0;
    return used + 1;
}

static void test_long_names(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    unsigned char bytes[512];
    memcpy(bytes, ONE RR("\0\xc", "\0\0"), 31);
    for (size_t count = 125; count <= 129; count++) {
        size_t length = add_name(bytes + 31, count, 1);
        bytes[29] = (unsigned char)(length >> 8);
        bytes[30] = (unsigned char)length;
        struct dns_answer answer;
        bool ok = parse(bytes, 31 + length, DNS_PTR, arena, &answer);
        assert_int_equal(ok, count <= 127); /* 255 bytes in all */
        assert_true(!ok || answer.records[0].length == 2 * count - 1);
    }
    arena_free(&arena);
}

/* More records than anybody wants, and those that each lead to the one before. */
static void test_many(void **unused)
{
    (void)unused;

    enum { COUNT = 5000 };

    struct arena *arena = arena_new();
    unsigned char *bytes = calloc(1, 20 + COUNT * 14);
    memcpy(bytes, HEAD("\0\0") QUESTION, 19);
    bytes[6] = COUNT >> 8;
    bytes[7] = COUNT & 0xff;
    for (size_t i = 0; i < COUNT; i++) {
        size_t target = i == 0 || i > 1000 ? 12 : 19 + (i - 1) * 14 + 12;
        memcpy(bytes + 19 + i * 14, RR("\0\xc", "\0\2"), 12);
        bytes[19 + i * 14 + 12] = (unsigned char)(0xc0 | target >> 8);
        bytes[19 + i * 14 + 13] = (unsigned char)target;
    }
    struct dns_answer answer;
    assert_true(parse(bytes, 19 + COUNT * 14, DNS_PTR, arena, &answer));
    assert_int_equal(answer.count, DNS_RECORDS);
    assert_string_equal(answer.records[DNS_RECORDS - 1].bytes, "q");
    assert_true(arena_used(arena) < 16 * 1024);
    free(bytes);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
