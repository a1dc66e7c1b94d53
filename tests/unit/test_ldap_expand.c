/* SPDX-License-Identifier: MIT */
#include "ldap/expand.h"

#include "ldap_fixture.h"

#include <stdlib.h>
#include <string.h>

/* The search for a key, `base filter`; `-` when there is none. Wanted is what
 * `postmap -v -q KEY ldap:FILE` of Postfix 3.7.11 does. */
struct query_case {
    const char *settings, *key, *want;
};

static const struct query_case query_cases[] = {
    {"query_filter = (mail=%s)", "u@d.test", "o=x (mail=u@d.test)"},
    {"query_filter = (mail=%s)", "user", "o=x (mail=user)"},
    {"query_filter = (mail=%s)", "@d.test", "o=x (mail=@d.test)"},
    {"query_filter = (mail=%s)", "u@", "o=x (mail=u@)"},
    {"query_filter = (mail=%s)", "", "-"},
    {"query_filter = (mail=%s)", "a@b@c.test", "o=x (mail=a@b@c.test)"},
    {"query_filter = (mail=%s)", "\xff@d.test", "-"},
    {"query_filter = (mail=%s)", "\xc3\xa4@d.test", "o=x (mail=\xc3\xa4@d.test)"},
    {"query_filter = (mail=%s)", "\"a b\"@d.test", "o=x (mail=\"a b\"@d.test)"},
    {"query_filter = (mail=%s)", "a*(b)\\c@d", "o=x (mail=a\\2A\\28b\\29\\5Cc@d)"},
    {"query_filter = (mail=%S)", "u@d.test", "o=x (mail=u@d.test)"},
    {"query_filter = (uid=%u)", "u@d.test", "o=x (uid=u)"},
    {"query_filter = (uid=%u)", "a@b@c.test", "o=x (uid=a@b)"},
    {"query_filter = (uid=%u)", "user", "o=x (uid=user)"},
    {"query_filter = (uid=%u)", "u@", "o=x (uid=u)"},
    {"query_filter = (uid=%u)", "@d.test", "-"},
    {"query_filter = (uid=%U)", "u@d.test", "o=x (uid=u)"},
    {"query_filter = (uid=%U)", "@d.test", "-"},
    {"query_filter = (dc=%d)", "u@d.test", "o=x (dc=d.test)"},
    {"query_filter = (dc=%d)", "@d.test", "o=x (dc=d.test)"},
    {"query_filter = (dc=%d)", "user", "-"},
    {"query_filter = (dc=%d)", "u@", "-"},
    {"query_filter = (dc=%D)", "user", "-"},
    {"query_filter = (x=%2.%1)", "u@a.b.c", "o=x (x=b.c)"},
    {"query_filter = (x=%2.%1)", "@d.test", "o=x (x=d.test)"},
    {"query_filter = (x=%2.%1)", "u@x..y.test", "o=x (x=y.test)"},
    {"query_filter = (x=%2.%1)", "u@x.y.test...", "o=x (x=y.test)"},
    {"query_filter = (x=%2.%1)", "u@.single", "-"},
    {"query_filter = (x=%1)", "u@...", "-"},
    {"query_filter = (x=%2.%1)", "user", "-"},
    {"query_filter = (x=%9)", "u@1.2.3.4.5.6.7.8", "-"},
    {"query_filter = (x=%9)", "u@9.8.7.6.5.4.3.2.1", "o=x (x=9)"},
    {"query_filter = (x=%%s%s)", "u", "o=x (x=%su)"},
    /* What result_format needs of the key, the key must have. */
    {"query_filter = (mail=%s)\nresult_format = %U", "@d.test", "-"},
    {"query_filter = (mail=%s)\nresult_format = %D", "user", "-"},
    {"query_filter = (mail=%s)\nresult_format = %3", "u@d.test", "-"},
    {"query_filter = (mail=%s)\nresult_format = %u %d", "user", "o=x (mail=user)"},
    /* The base, escaped in another way. */
    {"query_filter = (a=%s)\nsearch_base = ou=%d,o=x", "u@d.test",
     "ou=d.test,o=x (a=u@d.test)"},
    {"query_filter = (a=%s)\nsearch_base = ou=%d,o=x", "user", "-"},
    {"query_filter = (a=%s)\nsearch_base = uid=%u,o=x", "a+b,c=d <#;>\"\\\t*",
     "uid=a\\2Bb\\2Cc=d\\20\\3C\\23\\3B\\3E\\22\\5C\\09*,o=x (a=a+b,c=d <#;>\"\\5C\t\\2A)"},
    {"query_filter = (a=%s)\nsearch_base =", "u", " (a=u)"},
    /* domain = */
    {"query_filter = (a=%s)\ndomain = d.test e.test", "u@e.test", "o=x (a=u@e.test)"},
    {"query_filter = (a=%s)\ndomain = D.Test", "u@d.test", "o=x (a=u@d.test)"},
    {"query_filter = (a=%s)\ndomain = d.test, e.test", "u@sub.d.test", "-"},
    {"query_filter = (a=%s)\ndomain = d.test", "@d.test", "-"},
    {"query_filter = (a=%s)\ndomain = d.test", "d.test", "-"},
    {"query_filter = (a=%s)\ndomain = d.test", "u@", "-"},
    {"query_filter = (a=%s)\ndomain = !d.test, d.test, e.test", "u@d.test", "-"},
    {"query_filter = (a=%s)\ndomain = !!d.test", "u@d.test", "o=x (a=u@d.test)"},
    {"query_filter = (a=%s)\ndomain = e.test # d.test", "u@d.test", "-"},
};

static void makes_searches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof query_cases / sizeof query_cases[0]; i++) {
        const struct query_case *at = &query_cases[i];
        struct arena *arena = arena_new();
        struct ldap_table *table =
            new_table(arena_format(arena, "search_base = o=x\n%s\n", at->settings));
        struct ldap_query query;
        bool asks = ldap_query_make(&table->expansion, at->key, arena, &query);
        assert_int_equal(asks, query.skipped == NULL);
        const char *got =
            asks ? arena_format(arena, "%s %s", query.base, query.filter) : "-";
        if (strcmp(got, at->want) != 0) {
            fail_msg("%s, key %s\n    got  %s\n    want %s", at->settings, at->key, got,
                     at->want);
        }
        ldap_table_free(&table);
        arena_free(&arena);
    }
}

static void knows_bases_of_keys(void **state)
{
    (void)state;
    struct ldap_table *table = new_table("search_base = ou=%d,o=x");
    assert_true(table->expansion.has_dynamic_base);
    ldap_table_free(&table);
    table = new_table("search_base = ou=%%d,o=x");
    assert_false(table->expansion.has_dynamic_base);
    ldap_table_free(&table);
}

static void skips_keys_without_end(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct ldap_table *table = new_table("query_filter = (|(a=%s)(b=%s))");
    char *key = arena_alloc(arena, LDAP_KEY_BYTES_MAX + 2);
    memset(key, '*', LDAP_KEY_BYTES_MAX);
    struct ldap_query query;
    assert_true(ldap_query_make(&table->expansion, key, arena, &query));
    assert_int_equal(strlen(query.filter), strlen("(|(a=)(b=))") + LDAP_KEY_BYTES_MAX * 6);
    key[LDAP_KEY_BYTES_MAX] = '*';
    assert_false(ldap_query_make(&table->expansion, key, arena, &query));
    ldap_table_free(&table);
    arena_free(&arena);
}

/* The answer of values, which stand one a line; `-`: not found, `!`: failed. */
struct value_case {
    const char *settings, *key, *values, *want;
};

static const struct value_case value_cases[] = {
    {"", "k@d", "a@x\nb@y", "a@x,b@y"},
    {"", "k@d", "", "-"},
    {"", "k@d", "\n\na@x\n\n", "a@x"},
    {"", "k@d", "a, b\nc", "a, b,c"},
    {"result_format = %u", "k@d", "a@x\nb\n@z\nc@", "a,b,c"},
    {"result_format = %d", "k@d", "a@x\nb\n@z\nc@", "x,z"},
    {"result_format = smtp:[%s]:25", "k@d", "a", "smtp:[a]:25"},
    {"result_format = %s=%S", "k@d", "a\nb", "a=k@d,b=k@d"},
    {"result_format = %u@%D", "k@d.test", "a@x\nb", "a@d.test,b@d.test"},
    {"result_format = %U:%2", "k@d.test", "a", "k:d"},
    {"result_format = %%%s", "k", "a", "%a"},
    {"result_filter = <%s>", "k", "a", "<a>"},
    {"result_filter = <%s>\nresult_format = %s", "k", "a", "a"},
    {"result_filter = <%s>\nresult_format =", "k", "a", "<a>"},
    {"expansion_limit = 2", "k", "a\nb", "a,b"},
    {"expansion_limit = 2", "k", "a\nb\nc", "!"},
    {"expansion_limit = 2\nresult_format = %d", "k", "a@x\nb\nc@y", "x,y"},
};

static void joins_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof value_cases / sizeof value_cases[0]; i++) {
        const struct value_case *at = &value_cases[i];
        struct arena *arena = arena_new();
        struct ldap_table *table = new_table(at->settings);
        struct ldap_values values;
        struct error error = {0};
        const char *got;
        bool is_good = true;
        ldap_values_init(&values, &table->expansion, at->key);
        for (const char *value = at->values; *value != '\0' && is_good;) {
            size_t length = strcspn(value, "\n");
            is_good = ldap_values_add(&values, value, length, &error);
            value += length + (value[length] == '\n');
        }
        assert_int_equal(error.kind, is_good ? ERROR_NONE : ERROR_REMOTE);
        enum answer_kind kind = ldap_values_end(&values, arena, &got);
        assert_int_equal(kind, got != NULL ? ANSWER_FOUND : ANSWER_NOT_FOUND);
        got = is_good ? (got != NULL ? got : "-") : "!";
        if (strcmp(got, at->want) != 0) {
            fail_msg("%s, values %s\n    got  %s\n    want %s", at->settings, at->values,
                     got, at->want);
        }
        ldap_values_deinit(&values);
        ldap_table_free(&table);
        arena_free(&arena);
    }
}

static void fails_for_what_is_no_text(void **state)
{
    (void)state;
    struct ldap_table *table = new_table("");
    struct ldap_values values;
    struct error error = {0};
    ldap_values_init(&values, &table->expansion, "k@d");
    assert_true(ldap_values_add(&values, "a", 1, &error));
    assert_false(ldap_values_add(&values, "a\0b", 3, &error));
    assert_string_equal(error.text, "a value for k@d is too large or holds a NUL byte");
    ldap_values_deinit(&values);
    ldap_table_free(&table);
}

static void bounds_an_answer(void **state)
{
    (void)state;

    enum { LENGTH = LDAP_ANSWER_BYTES_MAX / 4 };

    struct ldap_table *table = new_table("result_format = %s%s");
    struct ldap_values values;
    struct error error = {0};
    char *value = malloc(LENGTH);
    memset(value, 'a', LENGTH);
    ldap_values_init(&values, &table->expansion, "k@d");
    assert_true(ldap_values_add(&values, value, LENGTH, &error));
    assert_false(ldap_values_add(&values, value, LENGTH, &error));
    assert_int_equal(error.kind, ERROR_REMOTE);
    assert_true(values.text.length <= LDAP_ANSWER_BYTES_MAX);
    free(value);
    ldap_values_deinit(&values);
    ldap_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_searches),
        cmocka_unit_test(knows_bases_of_keys),
        cmocka_unit_test(skips_keys_without_end),
        cmocka_unit_test(joins_values),
        cmocka_unit_test(fails_for_what_is_no_text),
        cmocka_unit_test(bounds_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
