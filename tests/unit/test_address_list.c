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

/* `internal` of every entry, with its display name in braces if it has one. */
static const char *join(struct arena *arena, const struct address_list *list)
{
    const char *text = "";
    for (size_t i = 0; i < list->count; i++) {
        const struct listed_address *entry = &list->entries[i];
        text = arena_format(arena, "%s%s%s", text, i > 0 ? " | " : "", entry->internal);
        if (entry->display_name[0] != '\0') {
            text = arena_format(arena, "%s {%s}", text, entry->display_name);
        }
    }
    return text;
}

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

static void reads_header_bodies(void **state)
{
    (void)state;

    static const struct {
        const char *body, *want;
    } cases[] = {
        {"alice@example.com", "alice@example.com"},
        {" Alice <alice@example.com>\r\n", "alice@example.com {Alice}"},
        {"Alice A. Author <alice@example.com>", "alice@example.com {Alice A. Author}"},
        {"\"Author, Alice\" <alice@example.com>", "alice@example.com {Author, Alice}"},
        {"\"say \\\"hi\\\"\" <a@b.test>", "a@b.test {say \"hi\"}"},
        {"a@b.test, c@d.test", "a@b.test | c@d.test"},
        {",, a@b.test,, c@d.test,", "a@b.test | c@d.test"},
        {"Friends: a@b.test, C <c@d.test>;", "a@b.test | c@d.test {C}"},
        {"Friends: a@b.test;, e@f.test", "a@b.test | e@f.test"},
        {"undisclosed-recipients:;", ""},
        {"<@a.test,@b.test:alice@example.com>", "alice@example.com"},
        {"alice (a comment (nested)) @ example . com", "alice@example.com"},
        {"\"two words\"@example.com", "two words@example.com"},
        {"\"a b\".c@d.test", "a b.c@d.test"},
        {"a@[1.2.3.4]", "a@[1.2.3.4]"},
        {"Alice\n <alice@example.com>", "alice@example.com {Alice}"},
        {"Alice\r\n\t<alice@example.com>", "alice@example.com {Alice}"},
        {"=?utf-8?q?=C3=84?= <a@b.test>", "a@b.test {=?utf-8?q?=C3=84?=}"},
        {"J\xc3\xb6rg <a@b.test>", "a@b.test {J\xc3\xb6rg}"},
        {"alice@example.com <Alice@Example.com>", "Alice@Example.com {alice@example.com}"},
        {"<alice@example.com>", "alice@example.com"},
        {"a!b%c|d@example.com", "a!b%c|d@example.com"},
        {"\"a@b\"@c.test", "a@b@c.test"},
        {"\"@b\"@c.test", "@b@c.test"},
        {"a@[IPv6:::1]", "a@[IPv6:::1]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address_list list;
        struct error error = {0};
        if (!address_list_parse_header(arena, cases[i].body, &list, &error)) {
            fail_msg("%s: %s", cases[i].body, error.text);
        }
        const char *got = join(arena, &list);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].body, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void refuses_ambiguous_headers(void **state)
{
    (void)state;

    static const char *const cases[] = {
        "",
        "   ",
        "alice",
        "Alice",
        "alice@example.com <bob@example.com>",
        "<alice>",
        "<>",
        "alice@",
        "@example.com",
        "a@b.test c@d.test",
        "a@b.test <c@d.test>",
        "<a@b.test> <c@d.test>",
        "<a@b.test",
        "a@b.test>",
        "Alice <a@b.test> x",
        "<<a@b.test>>",
        "<a@b.test>, ,(",
        "\"open <a@b.test>",
        "(open <a@b.test>",
        "a@b.test)",
        "a..b@c.test",
        ".a@b.test",
        "a.@b.test",
        "a@b..test",
        "a@b.test.",
        "a@.test",
        "a@[1.2.3.4",
        "a@b]c",
        "a b@c.test",
        "x: y: a@b.test;;",
        "x: a@b.test",
        ": a@b.test;",
        "a@b.test;",
        "a@b\ntest",
        "a\r\nBcc: x@y.test",
        "a\rb@c.test",
        "a@b.test\nX: y",
        "a\001@b.test",
        "\xc3\xa4@b.test",
        "a@\xc3\xa4.test",
        "=?utf-8?q?a?=@b.test",
        "<@a.test>",
        "<@a.test a@b.test>",
        ". <a@b.test>",
        "a@b.test, c",
        "a@[x[y]",
        "a\\b@c.test",
        "<a@b.test,c@d.test>",
        "x:<a@b.test>",
        "a@[1@b.test]",
        "a@b%c.test",
        "a@1.2.3.4",
        "\"@x:b\"@c.test",
        "\"@\"@[IPv6:::1]",
        "\"\"@[IPv6:::1]",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address_list list;
        struct error error = {0};
        if (address_list_parse_header(arena, cases[i], &list, &error)) {
            fail_msg("%s was taken as %s", cases[i], join(arena, &list));
        }
        assert_true(error.text[0] != '\0');
        arena_free(&arena);
    }
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
        cmocka_unit_test(reads_header_bodies),
        cmocka_unit_test(refuses_ambiguous_headers),
        cmocka_unit_test(stands_long_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
