/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    assert_string_equal(buffer.data, "");
    for (int i = 0; i < 10000; i++) {
        assert_true(buffer_append_text(&buffer, "0123456789"));
        assert_int_equal(buffer.data[buffer.length], '\0');
    }
    assert_int_equal(buffer.length, 100000);
    assert_memory_equal(buffer.data + 99990, "0123456789", 11);
    buffer_deinit(&buffer);
}

static void refuses_beyond_the_maximum(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    assert_true(buffer_append_text(&buffer, "abc"));
    assert_false(buffer_append_text(&buffer, "def"));
    assert_true(buffer.truncated);
    assert_string_equal(buffer.data, "abc");
    assert_true(buffer_append(&buffer, "de", 2));
    assert_false(buffer_append(&buffer, "f", 1));
    assert_false(buffer_append(&buffer, "f", SIZE_MAX));
    assert_true(buffer_append(&buffer, NULL, 0));
    assert_string_equal(buffer.data, "abcde");
    buffer_clear(&buffer);
    assert_false(buffer.truncated);
    assert_int_equal(buffer.length, 0);
    buffer_deinit(&buffer);
}

static void formats_or_refuses_whole(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    assert_true(buffer_append_format(&buffer, "%s=%d", "a", 12));
    assert_string_equal(buffer.data, "a=12");
    assert_false(buffer_append_format(&buffer, "%d", 1234567));
    assert_string_equal(buffer.data, "a=12");
    buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(refuses_beyond_the_maximum),
        cmocka_unit_test(formats_or_refuses_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
