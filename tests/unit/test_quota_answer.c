/* SPDX-License-Identifier: MIT */
#include "quota/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct parse_case {
    const char *bytes;
    enum quota_answer_state state;
    size_t length;
    const char *action; /* or a part of the error */
};

static const struct parse_case parse_cases[] = {
    {"", QUOTA_ANSWER_PARTIAL, 0, NULL},
    {"act", QUOTA_ANSWER_PARTIAL, 0, NULL},
    {"action=DUNNO", QUOTA_ANSWER_PARTIAL, 0, NULL},
    {"action=DUNNO\n", QUOTA_ANSWER_PARTIAL, 0, NULL},
    {"action=DUNNO\n\n", QUOTA_ANSWER_COMPLETE, 14, "DUNNO"},
    {"action=\n\n", QUOTA_ANSWER_COMPLETE, 9, ""},
    {"action=a=b\n\n", QUOTA_ANSWER_COMPLETE, 12, "a=b"},
    {"action=552 5.2.2 M\xc3\xbcll\tvoll\n\n", QUOTA_ANSWER_COMPLETE, 29,
     "552 5.2.2 M\xc3\xbcll\tvoll"},
    {"x=1\naction=OK\ny=\n\n", QUOTA_ANSWER_COMPLETE, 18, "OK"},
    {"actions=OK\naction=DUNNO\n\n", QUOTA_ANSWER_COMPLETE, 25, "DUNNO"},
    {"action=OK\n\naction=552 full\n\n", QUOTA_ANSWER_COMPLETE, 11, "OK"},
    {"action=OK\n\n\r\r", QUOTA_ANSWER_COMPLETE, 11, "OK"},
    {"\n", QUOTA_ANSWER_BROKEN, 0, "no action"},
    {"x=1\n\n", QUOTA_ANSWER_BROKEN, 0, "no action"},
    {"ACTION=OK\n\n", QUOTA_ANSWER_BROKEN, 0, "no action"},
    {"OK\n", QUOTA_ANSWER_BROKEN, 0, "name=value"},
    {"=OK\n", QUOTA_ANSWER_BROKEN, 0, "name=value"},
    {"action=OK\naction=OK\n", QUOTA_ANSWER_BROKEN, 0, "two actions"},
    {"HTTP/1.1 400 Bad Request\r\n\r\n", QUOTA_ANSWER_BROKEN, 0, "control"},
    {"220 mail ESMTP\r", QUOTA_ANSWER_BROKEN, 0, "control"},
    {"action=OK\x01", QUOTA_ANSWER_BROKEN, 0, "control"},
};

static void test_parse(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof parse_cases / sizeof parse_cases[0]; i++) {
        const struct parse_case *expected = &parse_cases[i];
        struct quota_answer answer;
        struct error error = {0};
        enum quota_answer_state state =
            quota_answer_parse(expected->bytes, strlen(expected->bytes), &answer, &error);
        if (state != expected->state) {
            fail_msg("%s: %s", expected->bytes, quota_answer_state_name(state));
        }
        if (state == QUOTA_ANSWER_COMPLETE) {
            assert_int_equal(answer.length, expected->length);
            assert_int_equal(answer.action_length, strlen(expected->action));
            assert_memory_equal(answer.action, expected->action, answer.action_length);
        }
        if (state == QUOTA_ANSWER_BROKEN) {
            assert_int_equal(error.kind, ERROR_REMOTE);
            assert_non_null(strstr(error.text, expected->action));
        }
    }
}

static enum quota_answer_state parse_long(size_t text_length)
{
    static char bytes[2 * QUOTA_ANSWER_BYTES];
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "action=", 7);
    memcpy(bytes + 7 + text_length, "\n\n", 2);
    struct quota_answer answer;
    struct error error;
    return quota_answer_parse(bytes, 7 + text_length + 2, &answer, &error);
}

static void test_bounds(void **unused)
{
    (void)unused;
    assert_int_equal(parse_long(QUOTA_ANSWER_BYTES - 9), QUOTA_ANSWER_COMPLETE);
    assert_int_equal(parse_long(QUOTA_ANSWER_BYTES - 8), QUOTA_ANSWER_BROKEN);
    assert_int_equal(parse_long(QUOTA_ANSWER_BYTES), QUOTA_ANSWER_BROKEN);
    struct quota_answer answer;
    struct error error;
    assert_int_equal(quota_answer_parse("action=a\0b\n\n", 12, &answer, &error),
                     QUOTA_ANSWER_BROKEN);
}

struct action_case {
    const char *action;
    const char *meaning;
    const char *text; /* of over, or a part of the error when there is no result */
};

static const struct action_case action_cases[] = {
    {"DUNNO", "fits", NULL},
    {"dunno", "fits", NULL},
    {"DUNNO some text", "fits", NULL},
    {" OK ", "fits", NULL},
    {"OK", "fits", NULL},
    {"PERMIT", "fits", NULL},
    {"permit_mynetworks", "fits", NULL},
    {"552 5.2.2 Mailbox is full", "over", "552 5.2.2 Mailbox is full"},
    {"554 5.2.2 Quota exceeded (mailbox for user is full)", "over",
     "554 5.2.2 Quota exceeded (mailbox for user is full)"},
    {"552", "over", "552"},
    /* Larger than quota_max_mail_size, where quota_status_overquota has no text. */
    {"554 5.2.2 Mail size is larger than the maximum size allowed by server configuration",
     "over",
     "554 5.2.2 Mail size is larger than the maximum size allowed by server configuration"},
    {"REJECT", "over", "REJECT"},
    {"REJECT Mailbox is full", "over", "REJECT Mailbox is full"},
    {"reject\tfull", "over", "reject\tfull"},
    {"REJECT 5.1.10 full", "over", "REJECT 5.1.10 full"},
    {"REJECT Unknown user", "unknown-user", "quota_status_nouser"},
    {"554 Unknown user", "unknown-user", "quota_status_nouser"},
    {"554 5.7.1 unknown user", "unknown-user", "quota_status_nouser"},
    {"550 5.1.1 User does not exist", "unknown-user", "quota_status_nouser"},
    {"450 4.2.2 Mailbox is full", "cannot-tell", "450 4.2.2 Mailbox is full"},
    {"451", "cannot-tell", "cannot tell: 451"},
    {"DEFER", "cannot-tell", "cannot tell"},
    {"DEFER_IF_PERMIT Internal error", "cannot-tell", "Internal error"},
    {"defer_if_reject x", "cannot-tell", "cannot tell"},
    {"", "empty", "quota_status_toolarge"},
    {"   ", "empty", "quota_status_toolarge"},
    {"OKAY", "unclear", "unknown action"},
    {"DUNNO:", "unclear", "unknown action"},
    {"REJECTED", "unclear", "unknown action"},
    {"250 2.0.0 OK", "unclear", "unknown action"},
    {"5520 full", "unclear", "unknown action"},
    {"552-5.2.2 full", "unclear", "unknown action"},
    {"5x2 full", "unclear", "unknown action"},
    {"DISCARD", "unclear", "unknown action"},
    {"HOLD", "unclear", "unknown action"},
    {"PREPEND X-Over: 1", "unclear", "unknown action"},
};

static void test_interpret(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof action_cases / sizeof action_cases[0]; i++) {
        const struct action_case *expected = &action_cases[i];
        struct quota_answer answer = {.action = expected->action,
                                      .action_length = strlen(expected->action)};
        enum quota_result result = QUOTA_OVER;
        char text[QUOTA_TEXT_BYTES];
        struct error error = {0};
        bool ok = quota_answer_interpret(&answer, &result, text, &error);
        if (ok) {
            assert_string_equal(quota_result_name(result), expected->meaning);
            assert_string_equal(text, expected->text != NULL ? expected->text : "");
            continue;
        }
        /* What came can be told from no answer, and one kind from the other. */
        assert_int_equal(error.kind, ERROR_REMOTE);
        assert_non_null(strstr(error.text, expected->text));
        assert_int_equal(strncmp(text, "action=", 7), 0);
        const char *name = quota_meaning_name(quota_action_meaning(text + 7));
        if (strcmp(name, expected->meaning) != 0) {
            fail_msg("%s: %s", expected->action, name);
        }
    }
}

static void test_long_text_is_cut(void **unused)
{
    (void)unused;
    char action[QUOTA_ANSWER_BYTES];
    memset(action, 'x', sizeof action);
    memcpy(action, "552 ", 4);
    struct quota_answer answer = {.action = action, .action_length = sizeof action};
    enum quota_result result = QUOTA_FITS;
    char text[QUOTA_TEXT_BYTES];
    struct error error;
    assert_true(quota_answer_interpret(&answer, &result, text, &error));
    assert_int_equal(result, QUOTA_OVER);
    assert_int_equal(strlen(text), QUOTA_TEXT_BYTES - 1);
    memcpy(action, "450 ", 4);
    assert_false(quota_answer_interpret(&answer, &result, text, &error));
    assert_int_equal(strlen(text), QUOTA_TEXT_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_interpret),
        cmocka_unit_test(test_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
