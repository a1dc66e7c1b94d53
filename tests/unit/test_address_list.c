/* SPDX-License-Identifier: MIT */
#include "mail/address_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "list_fixture.h"

static void reads_table_values_as_postfix(void **state)
{
    (void)state;

    static const struct {
        const char *value, *want;
    } cases[] = {
        {"a@x.test", "a@x.test"},
        {"a@x.test,b@x.test", "a@x.test | b@x.test"},
        {"a@x.test b@x.test\tc@x.test", "a@x.test | b@x.test | c@x.test"},
        {"a@x.test,, ,b@x.test,", "a@x.test | b@x.test"},
        {"a # b", "a | # | b"},
        {"Some Name <x@r.test>, y@r.test (note) z @ r.test",
         "x@r.test | y@r.test | z@r.test"},
        {"<a@x.test> <b@x.test>", "a@x.test | b@x.test"},
        {"<a@x.test> b@x.test", "a@x.test | b@x.test"},
        {"b@x.test <a@x.test>", "a@x.test"},
        {"\"a b\"@x.test,c", "a b@x.test | c"},
        {"\"a\" \"b\"", "a | b"},
        {"\"a\"\"b\"@x", "a | b@x"},
        {"/etc/passwd, \"|cmd arg\", :include:/tmp/x",
         "/etc/passwd | |cmd arg | :include:/tmp/x"},
        {"<@r1.test:u@w.test>", "@r1.test:u@w.test"},
        {"group: a@x, b@x;", "a@x | b@x"},
        {"group: a@x, b@x; c@x", "a@x | b@x | c@x"},
        {"c@x, group: a@x;", "c@x | a@x"},
        {"a: <b@x>", "a | b@x"},
        {"(nothing)", ""},
        {",", ""},
        {"<>", ""},
        {"", ""},
        {"   ", ""},
        {"a(c(d)e\\))b", "a | b"},
        {"a\\ b@x", "a b@x"},
        {"a@[1.2.3.4]", "a@[1.2.3.4]"},
        {"a[b]", "a | [b]"},
        {"open\"quote", "open | quote"},
        {"a <b", "a<b"},
        {"a> b", "a | b"},
        {"a b> c", "ab | c"},
        {"a\\", "a"},
        {"(open", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address_list list;
        address_list_parse_value(arena, cases[i].value, &list);
        const char *got = join(arena, &list);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].value, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void keeps_quotes_for_completion(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct address_list list;
    address_list_parse_value(arena, "\"a%b\" a%b \"say \\\"hi\\\"\"@x.test", &list);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entries[0].external, "\"a%b\"");
    assert_string_equal(list.entries[1].external, "a%b");
    assert_string_equal(list.entries[2].external, "\"say \\\"hi\\\"\"@x.test");
    assert_string_equal(list.entries[2].internal, "say \"hi\"@x.test");
    arena_free(&arena);
}

/* 64 KiB of one character each: no stack, no quadratic time. */
static void stands_long_headers(void **state)
{
    (void)state;
    static const char characters[] = "(\"<,:;a. \\[@\xff";

    enum { LENGTH = 65536 };

    for (size_t i = 0; i < sizeof characters - 1; i++) {
        struct arena *arena = arena_new();
        struct address_list list;
        struct error error = {0};
        char *body = arena_alloc(arena, LENGTH + 1);
        memset(body, characters[i], LENGTH);
        assert_false(address_list_parse_header(arena, body, &list, &error));
        address_list_parse_value(arena, body, &list);
        assert_true(arena_used(arena) < (size_t)64 * LENGTH);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_table_values_as_postfix),
        cmocka_unit_test(keeps_quotes_for_completion),
        cmocka_unit_test(stands_long_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
