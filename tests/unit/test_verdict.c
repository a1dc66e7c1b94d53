/* SPDX-License-Identifier: MIT */
#include "mail/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct check {
    enum verdict_kind kind;
    int code;
    const char *xcode, *text;
    const char *error; /* NULL: fine */
};

static const struct check checks[] = {
    {VERDICT_CONTINUE, 0, NULL, NULL, NULL},
    {VERDICT_SKIP, 0, NULL, NULL, NULL},
    {VERDICT_REJECT, 550, "5.1.1", "User unknown", NULL},
    {VERDICT_REJECT, 500, "5.0.0", "x", NULL},
    {VERDICT_REJECT, 599, "5.999.999", "~ !", NULL},
    {VERDICT_DEFER, 400, "4.0.0", "x", NULL},
    {VERDICT_DEFER, 499, "4.7.100", "100% full", NULL},
    {VERDICT_DISCONNECT, 421, "4.7.0", "x", NULL},
    {VERDICT_DISCONNECT, 521, "5.7.0", "x", NULL},
    {VERDICT_DISCARD, 0, NULL, "why", NULL},
    {VERDICT_QUARANTINE, 0, NULL, "why", NULL},
    /* code and class */
    {VERDICT_REJECT, 450, "4.1.1", "x", "reject takes a code from 500 to 599, not 450"},
    {VERDICT_REJECT, 499, "5.1.1", "x", "500 to 599"},
    {VERDICT_REJECT, 600, "5.1.1", "x", "500 to 599"},
    {VERDICT_REJECT, 0, "5.1.1", "x", "500 to 599"},
    {VERDICT_REJECT, -550, "5.1.1", "x", "500 to 599"},
    {VERDICT_DEFER, 399, "4.1.1", "x", "400 to 499"},
    {VERDICT_DEFER, 550, "5.1.1", "x", "400 to 499"},
    {VERDICT_REJECT, 521, "5.1.1", "x", "use disconnect"},
    {VERDICT_DEFER, 421, "4.1.1", "x", "use disconnect"},
    {VERDICT_DISCONNECT, 550, "5.1.1", "x", "421 or 521, not 550"},
    {VERDICT_DISCONNECT, 421, "5.7.0", "x", "class 4"},
    {VERDICT_DISCONNECT, 521, "4.7.0", "x", "class 5"},
    {VERDICT_REJECT, 550, "4.1.1", "x", "no enhanced code of class 5"},
    {VERDICT_DEFER, 450, "5.1.1", "x", "no enhanced code of class 4"},
    /* the form of the enhanced code */
    {VERDICT_REJECT, 550, NULL, "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1.", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5..1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1.1.", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1.1.1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1.1 ", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, " 5.1.1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1000.1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.1.1000", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "5.a.1", "x", "no enhanced code"},
    {VERDICT_REJECT, 550, "55.1.1", "x", "no enhanced code"},
    /* the text */
    {VERDICT_REJECT, 550, "5.1.1", NULL, "needs a text"},
    {VERDICT_REJECT, 550, "5.1.1", "", "needs a text"},
    {VERDICT_REJECT, 550, "5.1.1", "a\nb", "byte 0x0a at position 2"},
    {VERDICT_REJECT, 550, "5.1.1", "a\r", "byte 0x0d"},
    {VERDICT_REJECT, 550, "5.1.1", "\t", "byte 0x09"},
    {VERDICT_REJECT, 550, "5.1.1", "\x7f", "byte 0x7f"},
    {VERDICT_REJECT, 550, "5.1.1", "\xc3\xb6", "byte 0xc3"},
    {VERDICT_DISCARD, 0, NULL, NULL, "needs a text"},
    {VERDICT_QUARANTINE, 0, NULL, "", "needs a text"},
    {(enum verdict_kind)99, 0, NULL, NULL, "no such verdict"},
};

static void test_checks(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const struct check *want = &checks[i];
        const struct verdict verdict = {
            .kind = want->kind,
            .code = want->code,
            .xcode = want->xcode,
            .text = want->text,
        };
        struct error error = {0};
        bool ok = verdict_check(&verdict, &error);
        if (ok != (want->error == NULL) ||
            (!ok && strstr(error.text, want->error) == NULL)) {
            fail_msg("check %zu (%d %s): %s", i, want->code, want->xcode,
                     ok ? "fine" : error.text);
        }
        assert_int_equal(error.kind, ok ? ERROR_NONE : ERROR_RULE);
    }
}

static void test_length(void **unused)
{
    (void)unused;
    char text[VERDICT_TEXT_BYTES + 2];
    struct verdict verdict = {
        .kind = VERDICT_REJECT, .code = 550, .xcode = "5.1.1", .text = text};
    struct error error = {0};
    memset(text, 'x', sizeof text);
    text[VERDICT_TEXT_BYTES] = '\0';
    assert_true(verdict_check(&verdict, &error));
    text[VERDICT_TEXT_BYTES] = 'x';
    text[VERDICT_TEXT_BYTES + 1] = '\0';
    assert_false(verdict_check(&verdict, &error));
    assert_non_null(strstr(error.text, "at most 450 bytes"));
}

static void test_kinds(void **unused)
{
    (void)unused;
    for (int kind = VERDICT_CONTINUE; kind <= VERDICT_SKIP; kind++) {
        const struct verdict verdict = {.kind = (enum verdict_kind)kind};
        bool refuses =
            kind == VERDICT_REJECT || kind == VERDICT_DEFER || kind == VERDICT_DISCONNECT;
        assert_int_equal(verdict_is_refusal(&verdict), refuses);
        assert_string_not_equal(verdict_kind_name(verdict.kind), "invalid");
    }
    assert_string_equal(verdict_kind_name((enum verdict_kind)99), "invalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
