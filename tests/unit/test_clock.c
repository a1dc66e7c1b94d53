/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void runs_as_the_hosts(void **unused)
{
    (void)unused;
    int64_t before = time(NULL);
    int64_t seconds = clock_seconds();
    assert_true(seconds >= before && seconds <= time(NULL));
    int64_t ms = clock_monotonic_ms();
    assert_true(ms > 0);
    assert_true(clock_monotonic_ms() >= ms);
    assert_false(clock_is_stopped());
}

static void stands_and_is_moved(void **unused)
{
    (void)unused;
    clock_stop(1000);
    assert_true(clock_is_stopped());
    int64_t ms = clock_monotonic_ms();
    assert_int_equal(clock_seconds(), 1000);
    clock_advance(1999);
    assert_int_equal(clock_seconds(), 1001);
    assert_int_equal(clock_monotonic_ms(), ms + 1999);
    clock_set(2000); /* on, by 998.001 s */
    assert_int_equal(clock_seconds(), 2000);
    assert_int_equal(clock_monotonic_ms(), ms + 1000 * 1000);
    clock_set(500); /* back: what lasts goes on lasting */
    assert_int_equal(clock_seconds(), 500);
    assert_int_equal(clock_monotonic_ms(), ms + 1000 * 1000);
    clock_advance(1);
    assert_int_equal(clock_monotonic_ms(), ms + 1000 * 1000 + 1);
    clock_go();
    assert_false(clock_is_stopped());
    assert_true(clock_seconds() > 1000000);
}

static void knows_moments_before_the_epoch(void **unused)
{
    (void)unused;
    clock_stop(-10);
    assert_int_equal(clock_seconds(), -10);
    clock_advance(1);
    assert_int_equal(clock_seconds(), -10);
    clock_advance(999);
    assert_int_equal(clock_seconds(), -9);
    clock_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_as_the_hosts),
        cmocka_unit_test(stands_and_is_moved),
        cmocka_unit_test(knows_moments_before_the_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
