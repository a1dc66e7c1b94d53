/* SPDX-License-Identifier: MIT */
#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct address_rules rules = {.myorigin = "host.test", .delimiters = "+"};

static void parses_what_clients_type(void **state)
{
    (void)state;

    static const struct {
        const char *typed, *external, *base, *detail;
    } cases[] = {
        {"<alice@example.com>", "alice@example.com", "alice", ""},
        {"alice@example.com", "alice@example.com", "alice", ""},
        {"<Alice+Tag@Example.Com>", "Alice+Tag@Example.Com", "Alice", "+Tag"},
        {"<alice+@example.com>", "alice+@example.com", "alice", "+"},
        {"<a+b+c@example.com>", "a+b+c@example.com", "a", "+b+c"},
        {"<+a@example.com>", "+a@example.com", "+a", ""},
        {"<alice>", "alice@host.test", "alice", ""},
        {"<alice@example.com.>", "alice@example.com", "alice", ""},
        {"<@a.test,@b.test:alice@example.com>", "alice@example.com", "alice", ""},
        {"<\"@a.test:alice\"@example.com>", "alice@example.com", "alice", ""},
        {"<\"@a.test:two words\"@example.com>", "\"two words\"@example.com", "two words",
         ""},
        {"<alice%example.com>", "alice@example.com", "alice", ""},
        {"<a%b%example.com>", "a%b@example.com", "a%b", ""},
        {"<example.com!alice>", "alice@example.com", "alice", ""},
        {"<a.test!b.test!alice>", "b.test!alice@a.test", "b.test!alice", ""},
        {"<alice%a.test@example.com>", "alice%a.test@example.com", "alice%a.test", ""},
        {"<\"two words\"@example.com>", "\"two words\"@example.com", "two words", ""},
        {"<\"plain\"@example.com>", "plain@example.com", "plain", ""},
        {"<\"alice%a.test\">", "alice@a.test", "alice", ""},
        {"<two\\ words@example.com>", "\"two words\"@example.com", "two words", ""},
        {"<\"a\\\"b\"@example.com>", "\"a\\\"b\"@example.com", "a\"b", ""},
        {"<\"a@b\"@example.com>", "\"a@b\"@example.com", "a@b", ""},
        {"<a@b@example.com>", "\"a@b\"@example.com", "a@b", ""},
        {"<\"\"@example.com>", "\"\"@example.com", "", ""},
        {"<.dot@example.com>", "\".dot\"@example.com", ".dot", ""},
        {"<a..b@example.com>", "\"a..b\"@example.com", "a..b", ""},
        {"<\xc3\xa4@example.com>", "\xc3\xa4@example.com", "\xc3\xa4", ""},
        {"<alice(note)@(x)example.com>", "alice@example.com", "alice", ""},
        {"Alice <alice@example.com>", "alice@example.com", "alice", ""},
        {"<alice @ example . com>", "alice@example.com", "alice", ""},
        {"<a@[127.0.0.1]>", "a@[127.0.0.1]", "a", ""},
        {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", ""},
        {"<a@under_score.test>", "a@under_score.test", "a", ""},
        {"<postmaster+x@example.com>", "postmaster+x@example.com", "postmaster", "+x"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address address;
        struct error error = {0};
        if (!address_parse(arena, cases[i].typed, &rules, &address, &error)) {
            fail_msg("%s: %s", cases[i].typed, error.text);
        }
        assert_string_equal(address.raw, cases[i].typed);
        assert_string_equal(address.external, cases[i].external);
        assert_string_equal(address.base, cases[i].base);
        assert_string_equal(address.detail, cases[i].detail);
        assert_false(address.is_null);
        assert_string_equal(arena_format(arena, "%s%s", address.base, address.detail),
                            address.local_part);
        assert_string_equal(
            arena_format(arena, "%s@%s", address.local_part, address.domain),
            address.internal);
        arena_free(&arena);
    }
}

static void refuses_what_postfix_refuses(void **state)
{
    (void)state;

    static const char *const cases[] = {
        "<a@example..com>",
        "<a@.example.com>",
        "<a@example.com..>",
        "<a@>",
        "<a@1.2.3.4>",
        "<a@12345>",
        "<a@[1.2.3]>",
        "<a@[IPv6:12345::]>",
        "<a@-x.test>",
        "<a@x-.test>",
        "<a@x_y$.test>",
        "<-a@example.com>",
        "<a@b c@d>",
        "a@b.test c@d.test",
        "<a@b.test>,<c@d.test>",
        "<a@\xc3\xa4.test>",
        "<a@ex\"am\"ple>",
        "<a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test>",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address address;
        struct error error = {0};
        if (address_parse(arena, cases[i], &rules, &address, &error)) {
            fail_msg("%s was taken as %s", cases[i], address.external);
        }
        assert_int_equal(error.kind, ERROR_REMOTE);
        assert_true(error.text[0] != '\0');
        arena_free(&arena);
    }
}

static void knows_the_null_address(void **state)
{
    (void)state;
    static const char *const cases[] = {"<>", "", "< >", "<\"\">", "<(nobody)>"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address address;
        struct error error = {0};
        assert_true(address_parse(arena, cases[i], &rules, &address, &error));
        assert_true(address.is_null);
        assert_string_equal(address.raw, cases[i]);
        assert_string_equal(address.internal, "");
        assert_string_equal(address.external, "");
        assert_string_equal(address.key, "");
        assert_string_equal(address.domain, "");
        assert_string_equal(address.detail, "");
        arena_free(&arena);
    }
}

static void refuses_what_no_command_line_holds(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *typed = arena_alloc(arena, 70000);
    memset(typed, 'a', 65536);
    strcpy(typed + 65536, "@example.com");
    struct address address;
    struct error error = {0};
    assert_false(address_parse(arena, typed, &rules, &address, &error));
    arena_free(&arena);
}

static void folds_only_the_key(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct address address;
    address_from_internal(arena, "Two Words+T@Example.COM", &rules, &address);
    assert_string_equal(address.external, "\"Two Words+T\"@Example.COM");
    assert_string_equal(address.key, "\"two words+t\"@example.com");
    assert_string_equal(address.domain, "Example.COM");
    assert_string_equal(address.base, "Two Words");
    assert_string_equal(address.detail, "+T");
    arena_free(&arena);
}

static void splits_the_detail(void **state)
{
    (void)state;

    static const struct {
        const char *local_part, *delimiters;
        size_t length;
    } cases[] = {
        {"user+tag", "+", 4},        {"user", "+", 4},
        {"user+tag", "", 8},         {"+tag", "+", 4},
        {"user+", "+", 4},           {"a-b+c", "+-", 1},
        {"a+b-c", "+-", 1},          {"", "+", 0},
        {"owner-list", "-", 10},     {"Owner-list+x", "-+", 12},
        {"owner-", "-", 6},          {"owner-list", "+", 10},
        {"list-request", "-", 12},   {"a-List-REQUEST", "-", 14},
        {"-request", "-", 8},        {"list-requests", "-", 4},
        {"postmaster", "s", 10},     {"PostMaster", "t", 10},
        {"mailer-daemon", "-", 13},  {"Double-Bounce", "-", 13},
        {"double-bounce-x", "-", 6}, {"postmaster+x", "+", 10},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = address_split(cases[i].local_part, cases[i].delimiters);
        if (length != cases[i].length) {
            fail_msg("%s at %s: %zu", cases[i].local_part, cases[i].delimiters, length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_clients_type),
        cmocka_unit_test(refuses_what_postfix_refuses),
        cmocka_unit_test(knows_the_null_address),
        cmocka_unit_test(refuses_what_no_command_line_holds),
        cmocka_unit_test(folds_only_the_key),
        cmocka_unit_test(splits_the_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
