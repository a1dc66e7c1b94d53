/* SPDX-License-Identifier: MIT */
#include "mail/address_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct search_case {
    const char *text, *want; /* with blanks between */
};

static void expect_found(const struct search_case *wanted, bool in_header)
{
    struct arena *arena = arena_new();
    struct address_search search = {.count = 0};
    if (in_header) {
        address_search_header(arena, wanted->text, &search);
    } else {
        address_search_text(arena, wanted->text, &search);
    }
    const char *got = "";
    for (size_t i = 0; i < search.count; i++) {
        got = arena_format(arena, "%s%s%s", got, i > 0 ? " " : "", search.found[i]);
    }
    if (search.truncated || strcmp(got, wanted->want) != 0) {
        fail_msg("%s\n    got  %s\n    want %s", wanted->text, got, wanted->want);
    }
    arena_free(&arena);
}

static void finds_addresses_in_text(void **state)
{
    (void)state;

    static const struct search_case cases[] = {
        {"", ""},
        {"Alice", ""},
        {"alice@example.com", "alice@example.com"},
        {"Mail Alice@Example.com, or bob@x.test.", "Alice@Example.com bob@x.test"},
        {"<alice@example.com>", "alice@example.com"},
        {"(alice@example.com)", "alice@example.com"},
        {"\"alice@example.com\"", "alice@example.com"},
        {"'alice@example.com'", "alice@example.com"},
        {"[alice@example.com]", "alice@example.com"},
        {"mailto:alice@example.com?subject=x", "alice@example.com"},
        {"a@b.test;c@d.test", "a@b.test c@d.test"},
        {"o'neil@example.com", "o'neil@example.com neil@example.com"},
        {"to=alice@example.com", "to=alice@example.com alice@example.com"},
        {"a+b_c-d.e@example.com", "a+b_c-d.e@example.com"},
        {"alice@example.com...", "alice@example.com"},
        {"...alice@example.com", "alice@example.com"},
        {"--alice@example.com-", "--alice@example.com alice@example.com"},
        {"\"two words\"@example.com", "two words@example.com"},
        {"\"say \\\"hi\\\"\"@example.com", "say \"hi\"@example.com"},
        {"\"\"@example.com", ""},
        {"x\"@example.com", "x@example.com"},
        {"alice@[192.0.2.1]", "alice@[192.0.2.1]"},
        {"alice@[IPv6:2001:db8::1] x", "alice@[IPv6:2001:db8::1]"},
        {"alice@[nowhere]", ""},
        {"alice@[\xc3\xa4]", ""},
        {"alice@[]", ""},
        {"a@b.test@c.test", "a@b.test b.test@c.test"},
        {"a@b@c.test", "b@c.test"},
        {"@@a@@b.test@@", ""},
        /* No domain */
        {"meet me @ noon", ""},
        {"meet me @ noon.", ""},
        {"@alice", ""},
        {"alice@", ""},
        {"alice@.", ""},
        {"alice@localhost", ""},
        {"alice@1.2.3.4", ""},
        {"@example.com", ""},
        /* Blanks; a sentence that ends there is the other reading */
        {"alice @ example.com", "alice@example.com"},
        {"alice@ example . com", "alice@example.com"},
        {"alice\t@\r\n example.com", "alice@example.com"},
        {"alice @ Example. Come in.", "alice@Example.Come"},
        {"alice@example.com. Come in.", "alice@example.com alice@example.com.Come"},
        {"alice@example..com", "alice@example.com"},
        {"alice\\@example.com", "alice@example.com"},
        /* Comments */
        {"alice@exa(x)mple.com", "alice@example.com"},
        {"alice(x)@(y)example(z).com", "alice@example.com"},
        {"alice@(bob@x.test)example.com", "bob@x.test alice@example.com"},
        {"alice@exa(\\)(n))mple.com", "alice@example.com"},
        {"alice@example.com (", "alice@example.com"},
        {"(alice@exa(x)mple.com", "alice@example.com"},
        {"alice) @example.com", ""},
        /* Looks like it */
        {"alice\xef\xbc\xa0\x65xample\xef\xbc\x8e\x63om", "alice@example.com"},
        {"alice@example\xe3\x80\x82\x63om", "alice@example.com"},
        {"alice@example\xef\xbd\xa1\x63om", "alice@example.com"},
        {"\xef\xbd\x81lice@example.com", "alice@example.com"},
        {"\xf0\x9d\x90\x9alice@example.com", "alice@example.com"},
        {"alice\xef\xb9\xab\x65xample.com", "alice@example.com"},
        {"al\xe2\x80\x8bice@exa\xc2\xadmple.com", "alice@example.com"},
        {"alice\xc2\xa0@\xe2\x80\x83\x65xample.com", "alice@example.com"},
        {"\xe2\x80\xaemoc.elpmaxe@ecila", "alice@example.com"},
        {"al\xadice@example.com", "alice@example.com"}, /* Latin-1 */
        /* Other scripts, and what touches an address */
        {"\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.test",
         "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.test"},
        {"\xe7\x94\xa8\x61lice@example.com\xe6\x88\xb7",
         "\xe7\x94\xa8\x61lice@example.com\xe6\x88\xb7 "
         "alice@example.com\xe6\x88\xb7 \xe7\x94\xa8\x61lice@example.com "
         "alice@example.com"},
        {"\xe2\x80\x9c\x61lice@example.com\xe2\x80\x9d", "alice@example.com"},
        {"\xe2\x9c\x89\x61lice@example.com",
         "\xe2\x9c\x89\x61lice@example.com alice@example.com"},
        {"\xff\xfe@\xff.test", "\xc3\xbf\xc3\xbe@\xc3\xbf.test"},
        {"alice@example.com\xff", "alice@example.com\xc3\xbf alice@example.com"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_found(&cases[i], false);
    }
}

static void finds_addresses_in_headers(void **state)
{
    (void)state;

    static const struct search_case cases[] = {
        {"root (Cron)", ""},
        {"<alice@example.com> <bob@x.test>", "alice@example.com bob@x.test"},
        {"=?utf-8?q?alice=40example=2Ecom?=", "alice@example.com"},
        {"=?utf-8?q?alice?=@example.com",
         "=?utf-8?q?alice?=@example.com alice@example.com"},
        {"=?utf-8?b?YWxpY2VA?= =?utf-8?b?ZXhhbXBsZS5jb20=?=", "alice@example.com"},
        {"=?x-none?q?alice@example.com_?=",
         "=?x-none?q?alice@example.com_ alice@example.com_ "
         "=?x-none?q?alice@example.com alice@example.com"},
        {"al\001ice@exam\001ple.com", "alice@example.com"},
        {"alice@exa(x)mple.com (bob@x.test)", "bob@x.test alice@example.com"},
        {"Alice\r\n <alice@example.com>", "alice@example.com"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_found(&cases[i], true);
    }
}

static char *repeat(struct arena *arena, const char *piece, size_t size)
{
    size_t length = strlen(piece);
    char *text = arena_alloc(arena, size + length + 1);
    for (size_t used = 0; used < size; used += length) {
        memcpy(text + used, piece, length);
    }
    return text;
}

static void says_when_there_is_more(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char *text = arena_alloc(arena, 4096);
    struct address_search search = {.count = 0};
    for (int i = 0; i < ADDRESS_SEARCH_FOUND; i++) {
        snprintf(text + strlen(text), 32, "a%d@b.test, ", i);
    }
    address_search_text(arena, text, &search);
    assert_int_equal(search.count, ADDRESS_SEARCH_FOUND);
    assert_false(search.truncated);
    address_search_text(arena, "a0@b.test", &search);
    assert_false(search.truncated);
    address_search_text(arena, "one@more.test", &search);
    assert_true(search.truncated);

    search = (struct address_search){.count = 0};
    address_search_text(arena, repeat(arena, "x@", 2 * ADDRESS_SEARCH_SIGNS), &search);
    assert_false(search.truncated);
    address_search_text(arena, repeat(arena, "x@", 2 * ADDRESS_SEARCH_SIGNS + 2), &search);
    assert_true(search.truncated);

    char *blanks = arena_alloc(arena, ADDRESS_SEARCH_BYTES + 2);
    memset(blanks, ' ', ADDRESS_SEARCH_BYTES);
    memcpy(blanks + ADDRESS_SEARCH_BYTES - 8, "a@b.test", 8);
    search = (struct address_search){.count = 0};
    address_search_text(arena, blanks, &search);
    address_search_header(arena, blanks, &search);
    assert_true(search.count == 1 && !search.truncated);
    blanks[ADDRESS_SEARCH_BYTES] = 's';
    address_search_text(arena, blanks, &search);
    assert_true(search.count == 1 && search.truncated);
    search = (struct address_search){.count = 0};
    address_search_header(arena, blanks, &search);
    assert_true(search.count == 1 && search.truncated);
    arena_free(&arena);
}

/* 256 KiB of each. */
static void stands_long_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {"@",
                                         "a@",
                                         "a",
                                         " ",
                                         ".",
                                         "(",
                                         ")",
                                         "\"",
                                         "\\\"@",
                                         "\"@",
                                         "a@b.",
                                         "a@[",
                                         "a@b. ",
                                         "(a@b.test",
                                         "\xc3\xa4@\xc3\xa4.",
                                         "\xe2\x80\xae@",
                                         "=?",
                                         "=?utf-8?q?a@b?= ",
                                         "\xef\xb7\xba",
                                         "\xff"};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct arena *arena = arena_new();
        struct address_search search = {.count = 0};
        address_search_header(arena, repeat(arena, pieces[i], 262144), &search);
        assert_true(search.count <= ADDRESS_SEARCH_FOUND);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_addresses_in_text),
        cmocka_unit_test(finds_addresses_in_headers),
        cmocka_unit_test(says_when_there_is_more),
        cmocka_unit_test(stands_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
