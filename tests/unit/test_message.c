/* SPDX-License-Identifier: MIT */
#include "mail/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *param;
    int64_t bytes;
} sizes[] = {
    {"SIZE=0", 0},
    {"SIZE=1", 1},
    {"size=5000", 5000},
    {"SiZe=0007", 7},
    {"SIZE=999999999999999999", 999999999999999999},
    {"SIZE=1000000000000000000", -1},
    {"SIZE=99999999999999999999999999999999", -1},
    {"SIZE=", -1},
    {"SIZE", -1},
    {"SIZE=-1", -1},
    {"SIZE=+1", -1},
    {"SIZE= 1", -1},
    {"SIZE=1 ", -1},
    {"SIZE=1k", -1},
    {"SIZE=0x10", -1},
    {"SIZES=5", -1},
    {"XSIZE=5", -1},
    {"", -1},
    {"=", -1},
};

static void test_declared_size(void **unused)
{
    (void)unused;
    struct message *message = message_new();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const char *const params[] = {"BODY=8BITMIME", sizes[i].param, "SMTPUTF8", NULL};
        message_begin(message, params);
        if (message->declared_bytes != sizes[i].bytes) {
            fail_msg("%s: %lld", sizes[i].param, (long long)message->declared_bytes);
        }
    }
    /* The first of two counts. */
    const char *const two[] = {"SIZE=5", "SIZE=6", NULL};
    message_begin(message, two);
    assert_int_equal(message->declared_bytes, 5);
    message_begin(message, NULL);
    assert_int_equal(message->declared_bytes, -1);
    message_free(&message);
    assert_null(message);
    message_free(&message);
}

static void fill(struct message *message)
{
    struct arena *arena = message->arena;
    const char *const params[] = {"NOTIFY=NEVER", NULL};
    message->queue_id = "Q";
    message->sender.key = "a@x";
    message->body_bytes = 10;
    message_add_recipient(message, params)->state = RECIPIENT_ACCEPTED;
    header_add(&message->headers, arena, "From", "a@x");
    value_set(arena, &message->notes, value_text(arena, "k", 1), value_text(arena, "v", 1));
    plan_record_header(&message->plan, arena, EDIT_ADD_HEADER, "X", 0, "y");
    plan_record_recipient(&message->plan, arena, "b@x");
    message->plan.sender = "c@x";
}

static void expect_empty(const struct message *message)
{
    assert_int_equal(message->recipient_count, 0);
    assert_int_equal(message_accepted_count(message), 0);
    assert_int_equal(message->headers.count, 0);
    assert_int_equal(message->body_bytes, 0);
    assert_int_equal(message->plan.header_count, 0);
    assert_int_equal(message->plan.added_count, 0);
    assert_null(message->plan.sender);
    assert_string_equal(message->queue_id, "");
    assert_int_equal(message_size(message), 2);
}

/* A message refused at MAIL is never aborted: the next one clears it away. */
static void test_begin_clears(void **unused)
{
    (void)unused;
    struct message *message = message_new();
    const char *const params[] = {"SIZE=100", NULL};
    for (int i = 0; i < 3; i++) {
        message_begin(message, params);
        assert_true(message->open);
        expect_empty(message);
        assert_int_equal(message->notes.type, VALUE_TABLE);
        assert_int_equal(message->notes.table.count, 0);
        assert_string_equal(message->params[0], "SIZE=100");
        assert_null(message->params[1]);
        fill(message);
    }
    message_end(message);
    assert_false(message->open);
    expect_empty(message);
    assert_int_equal(message->declared_bytes, -1);
    assert_int_equal(arena_used(message->arena), 0);
    message_end(message);
    message_free(&message);
}

static void test_size(void **unused)
{
    (void)unused;
    struct message *message = message_new();
    message_begin(message, NULL);
    header_add(&message->headers, message->arena, "Subject", "x");
    message->body_bytes = 100;
    assert_int_equal(message_size(message), 7 + 2 + 1 + 2 + 2 + 100);
    message_free(&message);
}

static void test_recipients(void **unused)
{
    (void)unused;
    struct message *message = message_new();
    message_begin(message, NULL);
    struct recipient *first = message_add_recipient(message, NULL);
    assert_null(first->params[0]);
    for (int i = 1; i < 1000; i++) {
        struct recipient *recipient = message_add_recipient(message, NULL);
        recipient->state = i % 3 == 0 ? RECIPIENT_REFUSED : RECIPIENT_ACCEPTED;
    }
    assert_int_equal(message->recipient_count, 1000);
    assert_int_equal(message_accepted_count(message), 666);
    assert_ptr_equal(message->recipients[0], first); /* does not move */
    assert_int_equal(first->state, RECIPIENT_PENDING);
    assert_int_equal(first->notes.type, VALUE_TABLE);
    assert_int_equal(first->expansion.type, VALUE_NIL);
    message_free(&message);
}

static void test_params(void **unused)
{
    (void)unused;
    const char *const params[] = {"NOTIFYX=1", "notify=SUCCESS", "ORCPT=", "RET", NULL};
    assert_string_equal(params_find(params, "NOTIFY"), "SUCCESS");
    assert_string_equal(params_find(params, "ORCPT"), "");
    assert_null(params_find(params, "RET"));
    assert_null(params_find(params, "ENVID"));
    assert_null(params_find(NULL, "NOTIFY"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_declared_size), cmocka_unit_test(test_begin_clears),
        cmocka_unit_test(test_size),          cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
