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

static void expect_list(const char *body, const char *want)
{
    struct arena *arena = arena_new();
    struct address_list list;
    struct error error = {0};
    if (!address_list_parse_header(arena, body, &list, &error)) {
        fail_msg("%s: %s", body, error.text);
    }
    const char *got = join(arena, &list);
    if (strcmp(got, want) != 0) {
        fail_msg("%s\n    got  %s\n    want %s", body, got, want);
    }
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
        {"alice (a comment (nested)) @ example . com",
         "alice@example.com {a comment (nested)}"},
        {"\"two words\"@example.com", "two words@example.com"},
        {"\"a b\".c@d.test", "a b.c@d.test"},
        {"a@[1.2.3.4]", "a@[1.2.3.4]"},
        {"Alice\n <alice@example.com>", "alice@example.com {Alice}"},
        {"Alice\r\n\t<alice@example.com>", "alice@example.com {Alice}"},
        {"=?utf-8?q?=C3=84?= <a@b.test>", "a@b.test {\xc3\x84}"},
        {"\"=?utf-8?q?=C3=84?=\" <a@b.test>", "a@b.test {\xc3\x84}"},
        {"=?utf-8?q?A?= =?utf-8?b?Qg==?= C <a@b.test>", "a@b.test {AB C}"},
        {"=?x-none?q?A?= <a@b.test>", "a@b.test {A}"},
        {"a@b.test (Alice)", "a@b.test {Alice}"},
        {"a@b.test (=?utf-8?q?=C3=84?=)", "a@b.test {\xc3\x84}"},
        {"(x) Alice (y) <a@b.test> (z \\) (n))", "a@b.test {Alice x y z ) (n)}"},
        {"a@b.test (A), c@d.test (C), e@f.test", "a@b.test {A} | c@d.test {C} | e@f.test"},
        {"(A) a@b.test, (C) c@d.test", "a@b.test {A} | c@d.test {C}"},
        {"a@b.test, (nobody)", "a@b.test"},
        {"J\xc3\xb6rg <a@b.test>", "a@b.test {J\xc3\xb6rg}"},
        {"J\xf6rg <a@b.test>", "a@b.test {J\xc3\xb6rg}"},
        {"\"J\x85rg\" <a@b.test>", "a@b.test {J\xef\xbf\xbdrg}"},
        {"\xc3\xa4@b.test", "\xc3\xa4@b.test"},
        {"\"\xc3\xa4 x\"@b.test", "\xc3\xa4 x@b.test"},
        {"a@\xc3\xa4.test", "a@\xc3\xa4.test"},
        {"Joe <\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.test>",
         "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.test {Joe}"},
        {"a@xn--4ca.test", "a@xn--4ca.test"},
        {"[ACME] Support <a@b.test>", "a@b.test {[ACME] Support}"},
        {"Support [v1.2 beta] <a@b.test>", "a@b.test {Support [v1.2 beta]}"},
        {"[ACME] <a@b.test>, b@c.test", "a@b.test {[ACME]} | b@c.test"},
        {"alice@example.com <Alice@Example.com>", "Alice@Example.com {alice@example.com}"},
        {"<alice@example.com>", "alice@example.com"},
        {"a!b%c|d@example.com", "a!b%c|d@example.com"},
        {"a@[IPv6:::1]", "a@[IPv6:::1]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_list(cases[i].body, cases[i].want);
    }
}

/* RFC 5322 appendix A: what is in From:, Sender:, Reply-To:, To: and Cc: of its examples.
 */
static void reads_examples_of_the_standard(void **state)
{
    (void)state;

    static const struct {
        const char *body, *want;
    } cases[] = {
        /* A.1.1 */ {"John Doe <jdoe@machine.example>", "jdoe@machine.example {John Doe}"},
        {"Mary Smith <mary@example.net>", "mary@example.net {Mary Smith}"},
        {"Michael Jones <mjones@machine.example>",
         "mjones@machine.example {Michael Jones}"},
        /* A.1.2 */
        {"\"Joe Q. Public\" <john.q.public@example.com>",
         "john.q.public@example.com {Joe Q. Public}"},
        {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
         "mary@x.test {Mary Smith} | jdoe@example.org | one@y.test {Who?}"},
        {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
         "boss@nil.test | sysservices@example.net {Giant; \"Big\" Box}"},
        /* A.1.3 */ {"Pete <pete@silly.example>", "pete@silly.example {Pete}"},
        {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
         "c@a.test {Ed Jones} | joe@where.test | jdoe@one.test {John}"},
        {"Undisclosed recipients:;", ""},
        /* A.2 */
        {"\"Mary Smith: Personal Account\" <smith@home.example>",
         "smith@home.example {Mary Smith: Personal Account}"},
        /* A.4 */
        {"Mary Smith <mary@example.net>, Jane Brown <j-brown@other.example>",
         "mary@example.net {Mary Smith} | j-brown@other.example {Jane Brown}"},
        /* A.5 */
        {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
         "pete@silly.test {Pete A nice ) chap his account his host}"},
        {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n "
         "        joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of "
         "the group)",
         "c@public.example {Chris Jones Some people Chris's host.} | joe@example.org | "
         "jdoe@one.test {John my dear friend}"},
        {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", ""},
        /* A.6.1 */
        {"Joe Q. Public <john.q.public@example.com>",
         "john.q.public@example.com {Joe Q. Public}"},
        {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
         "mary@example.net {Mary Smith} | jdoe@test.example"},
        /* A.6.2 */ {"John Doe <jdoe@machine.example>", "jdoe@machine.example {John Doe}"},
        /* A.6.3 */
        {"John Doe <jdoe@machine(comment).  example>",
         "jdoe@machine.example {John Doe comment}"},
        {"Mary Smith\r\n          \r\n          <mary@example.net>",
         "mary@example.net {Mary Smith}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_list(cases[i].body, cases[i].want);
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
        "\xe4@b.test", /* Latin-1 */
        "a@\xe4.test",
        "\xc0\xaf@b.test",         /* overlong */
        "\xed\xa0\x80@b.test",     /* surrogate */
        "\xf4\x90\x80\x80@b.test", /* beyond Unicode */
        "\"\xe4\"@b.test",
        "a\xe2\x80\x8b@b.test", /* unseen: zero width space */
        "a\xe2\x80\xae@b.test", /* right-to-left override */
        "a\xe2\x81\xa6@b.test", /* isolate */
        "a\xef\xbb\xbf@b.test", /* byte order mark */
        "a@b\xc2\xad.test",     /* soft hyphen */
        "a\xc2\x85@b.test",     /* NEL, C1 */
        "a\xc2\xa0@b.test",     /* no-break space */
        "a\xe2\x80\xa8@b.test", /* line separator */
        "a\xe3\x85\xa4@b.test", /* Hangul filler */
        "\xef\xbd\x81@b.test",  /* variants: fullwidth a */
        "a@b\xef\xbc\x8etest.test",
        "a@b\xe3\x80\x82test.test",
        "a@\xe2\x84\xaa.test", /* Kelvin sign */
        "a\xcc\x88@b.test",    /* not composed */
        "a@\xe2\x80\xb0.test", /* no letter */
        "<@\xc3\xa4.test:a@b.test>",
        "[x@y.test] <a@b.test>", /* brackets */
        "[x,y] <a@b.test>",
        "[x <y] <a@b.test>",
        "[(x] <a@b.test>",
        "[[x]] <a@b.test>",
        "[x <a@b.test>",
        "x] <a@b.test>",
        "a [b] c@d.test",
        "[a]@d.test",
        "[a]",
        "[a]: b@c.test;",
        "<[a] b@c.test>",
        "<a@b.test> [x]",
        "\"a@b\"@c.test", /* two readings */
        "\"@b\"@c.test",
        "\"\"@b.test",
        "\"a@b.test\": c@d.test;",
        "=?utf-8?q?a=40b.test?=:;",
        "x (a@b.test):;",
        "c@d.test, (a@b.test)",
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

/* As many addresses as are read, and one more. */
static void bounds_the_list(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct address_list list;
    struct error error = {0};
    size_t length = (size_t)ADDRESS_LIST_HEADER_MAX * strlen("a@b.test,");
    char *body = arena_alloc(arena, length + strlen("a@b.test") + 1);
    for (size_t i = 0; i < length; i += strlen("a@b.test,")) {
        memcpy(body + i, "a@b.test,", strlen("a@b.test,"));
    }
    assert_true(address_list_parse_header(arena, body, &list, &error));
    assert_int_equal(list.count, ADDRESS_LIST_HEADER_MAX);
    memcpy(body + length, "a@b.test", strlen("a@b.test"));
    assert_false(address_list_parse_header(arena, body, &list, &error));
    assert_string_equal(error.text, "more than 1000 addresses");

    const char *idn = "\xc3\xbc@\xc3\xbc.test";
    const char *many = "a@b.test";
    for (size_t i = 0; i < ADDRESS_LIST_HEADER_IDN_MAX; i++) {
        many = arena_format(arena, "%s,%s", many, idn);
    }
    assert_true(address_list_parse_header(arena, many, &list, &error));
    assert_int_equal(list.idn_count, ADDRESS_LIST_HEADER_IDN_MAX);
    many = arena_format(arena, "%s,%s", many, idn);
    assert_false(address_list_parse_header(arena, many, &list, &error));
    assert_string_equal(error.text, "more than 100 domains beyond ASCII");

    char *blanks = arena_alloc(arena, ADDRESS_LIST_HEADER_BYTES + 2);
    memset(blanks, ' ', ADDRESS_LIST_HEADER_BYTES);
    memcpy(blanks + ADDRESS_LIST_HEADER_BYTES - 8, "a@b.test", 8);
    assert_true(address_list_parse_header(arena, blanks, &list, &error));
    blanks[ADDRESS_LIST_HEADER_BYTES] = ' ';
    assert_false(address_list_parse_header(arena, blanks, &list, &error));
    assert_string_equal(error.text, "more than 65536 bytes");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_header_bodies),
        cmocka_unit_test(reads_examples_of_the_standard),
        cmocka_unit_test(refuses_ambiguous_headers),
        cmocka_unit_test(bounds_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
