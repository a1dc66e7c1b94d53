/* SPDX-License-Identifier: MIT */
#include "io/breaker.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_certain_failure(void **unused)
{
    (void)unused;
    struct breaker breaker;
    breaker_init(&breaker, "quota_service", "inet:test:1", 0);
    assert_int_equal(breaker_ask(&breaker, 1000), BREAKER_ASK);
    assert_true(breaker_failed(&breaker, true, false, "refused", 1000));
    assert_string_equal(breaker.reason, "refused");
    assert_int_equal(breaker_ask(&breaker, 1099), BREAKER_REFUSE);
    assert_int_equal(breaker_ask(&breaker, 1100), BREAKER_PROBE);
    assert_int_equal(breaker_ask(&breaker, 1100), BREAKER_REFUSE); /* one probe at a time */
    breaker_answered(&breaker);
    assert_int_equal(breaker_ask(&breaker, 1100), BREAKER_ASK);
}

static void check_failures_in_a_row(int failures, int expected)
{
    struct breaker breaker;
    breaker_init(&breaker, "quota_service", "inet:test:1", failures);
    for (int i = 1; i < expected; i++) {
        assert_false(breaker_failed(&breaker, false, false, "silent", 0));
    }
    breaker_answered(&breaker); /* breaks the row */
    for (int i = 1; i < expected; i++) {
        assert_false(breaker_failed(&breaker, false, false, "silent", 0));
        assert_int_equal(breaker_ask(&breaker, 0), BREAKER_ASK);
    }
    assert_true(breaker_failed(&breaker, false, false, "silent", 0));
    assert_int_equal(breaker_ask(&breaker, 0), BREAKER_REFUSE);
}

static void test_failures_in_a_row(void **unused)
{
    (void)unused;
    check_failures_in_a_row(0, 3);
    check_failures_in_a_row(1, 1);
    check_failures_in_a_row(2, 2);
    check_failures_in_a_row(1000, 1000);
}

static void test_pauses_double(void **unused)
{
    (void)unused;
    static const int pauses[] = {100, 200, 400, 800, 1000, 1000, 1000};
    struct breaker breaker;
    breaker_init(&breaker, "quota_service", "inet:test:1", 0);
    int64_t now = 0;
    breaker_failed(&breaker, true, false, "refused", now);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        assert_int_equal(breaker_ask(&breaker, now + pauses[i] - 1), BREAKER_REFUSE);
        now += pauses[i];
        assert_int_equal(breaker_ask(&breaker, now), BREAKER_PROBE);
        assert_false(breaker_failed(&breaker, true, true, "refused", now));
    }
    /* Back and away again: from the beginning. */
    now += 1000;
    assert_int_equal(breaker_ask(&breaker, now), BREAKER_PROBE);
    breaker_answered(&breaker);
    assert_true(breaker_failed(&breaker, true, false, "refused", now));
    assert_int_equal(breaker_ask(&breaker, now + 100), BREAKER_PROBE);
}

static void test_old_questions_do_not_count(void **unused)
{
    (void)unused;
    struct breaker breaker;
    breaker_init(&breaker, "quota_service", "inet:test:1", 0);
    breaker_failed(&breaker, true, false, "refused", 0);
    for (int i = 0; i < 10; i++) {
        assert_false(breaker_failed(&breaker, false, false, "silent", 50));
    }
    assert_int_equal(breaker_ask(&breaker, 100), BREAKER_PROBE);
    assert_false(breaker_failed(&breaker, false, false, "silent", 100));
    assert_int_equal(breaker_ask(&breaker, 100),
                     BREAKER_REFUSE); /* the probe is still out */
}

int main(void)
{
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certain_failure),
        cmocka_unit_test(test_failures_in_a_row),
        cmocka_unit_test(test_pauses_double),
        cmocka_unit_test(test_old_questions_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
