/* SPDX-License-Identifier: MIT */
#include "reload/tests_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *said;
    bool failure;
} cases[] = {
    {"", "", false},
    {"# a_test.lua\nok 1 - fine\n1..1\n", "", false},
    {"ok 1 - fine\nnot ok 2 - bad\nok 3 - fine\n1..3\n", "not ok 2 - bad", true},
    {"not ok 1 - bad\n# a_test.lua:5: why\n#   log: more\n",
     "not ok 1 - bad: a_test.lua:5: why", true},
    {"not ok 1 - bad\nok 2 - fine\n# not why\n", "not ok 1 - bad", true},
    {"not ok 1 - first\nnot ok 2 - second\n# of the second\n", "not ok 1 - first", true},
    {"foregate test: no tests\nnot ok 1 - bad", "not ok 1 - bad", true},
    {"foregate test: no tests\nBail out! no memory\n", "Bail out! no memory", false},
    {"\n  indented\nforegate test: no tests\nmore\n", "foregate test: no tests", false},
    {"no end of the line", "no end of the line", false},
};

/* In pieces of any length, as a pipe hands them over. */
static void the_line_that_tells_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].text);
        for (size_t piece = 1; piece <= length + 1; piece++) {
            struct tests_output heard = {0};
            for (size_t at = 0; at < length; at += piece) {
                size_t rest = length - at;
                tests_output_hear(&heard, cases[i].text + at, rest < piece ? rest : piece);
            }
            tests_output_end(&heard);
            assert_string_equal(heard.said, cases[i].said);
            assert_int_equal(tests_output_has_failure(&heard), cases[i].failure);
        }
    }
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    struct tests_output heard = {0};
    tests_output_hear(&heard, "not ok 1 - ", 11);
    for (int i = 0; i < 100000; i++) {
        tests_output_hear(&heard, "x\0", 2);
    }
    tests_output_hear(&heard, "\n# ", 3);
    for (int i = 0; i < 100000; i++) {
        tests_output_hear(&heard, "y", 1);
    }
    tests_output_end(&heard);
    assert_true(strlen(heard.said) < sizeof heard.said);
    assert_true(strlen(heard.said) > TESTS_LINE_BYTES);
    assert_int_equal(strncmp(heard.said, "not ok 1 - x?x?", 15), 0);
    assert_true(tests_output_has_failure(&heard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_that_tells_most),
        cmocka_unit_test(long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
