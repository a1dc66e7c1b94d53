/* SPDX-License-Identifier: MIT */
#include "ldap/attribute.h"

#include "base/text.h"
#include "ldap_fixture.h"

#include <string.h>

enum { WORDS_MAX = 8 };

/* The words of a text, then NULL. */
static void cut_words(struct arena *arena, const char *text, const char *words[])
{
    const char *word;
    size_t length;
    size_t count = 0;
    while (text_next_word(&text, &word, &length)) {
        assert_true(count + 1 < WORDS_MAX);
        words[count++] = arena_copy_bytes(arena, word, length);
    }
    words[count] = NULL;
}

/* Entries, `|` between them, each the attributes that it has; wanted is what they are for.
 */
struct entry_case {
    const char *settings, *entries, *want;
};

#define ALL                                                                                \
    "terminal_result_attribute = t\nleaf_result_attribute = l\nresult_attribute = m\n"     \
    "special_result_attribute = s"

static const struct entry_case entry_cases[] = {
    {"", "maildrop mail", "result none"},
    {"result_attribute = mail uid", "uid mail cn", "result result none"},
    {"result_attribute = mail", "MAIL;lang-en mailbox", "result none"},
    {"result_attribute = mail;lang-en", "mail mail;lang-en", "none result"},
    {"special_result_attribute = member", "maildrop member", "result follow"},
    {ALL, "l m", "result result"},
    {ALL, "l m s", "none result follow"},
    {ALL, "t l m s", "result none none none"},
    {ALL, "x t", "none result"},
    /* As in Postfix, an entry without either is taken like the one before. */
    {ALL, "t| l m s", "result none none none"},
    {ALL, "s| l m", "follow none result"},
    {ALL, "s| t", "follow none"},
    {ALL, "l m| s", "result result follow"},
};

static void uses_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof entry_cases / sizeof entry_cases[0]; i++) {
        const struct entry_case *at = &entry_cases[i];
        struct arena *arena = arena_new();
        struct ldap_table *table = new_table(at->settings);
        struct ldap_entry entry = {0};
        char *rest = NULL;
        const char *got = "";
        for (char *words = strtok_r(arena_copy(arena, at->entries), "|", &rest);
             words != NULL; words = strtok_r(NULL, "|", &rest)) {
            const char *present[WORDS_MAX];
            cut_words(arena, words, present);
            ldap_entry_begin(&entry, &table->attributes, present);
            for (const char **name = present; *name != NULL; name++) {
                enum ldap_use use = ldap_entry_use(&entry, &table->attributes, *name);
                got = arena_format(arena, "%s%s%s", got, *got != '\0' ? " " : "",
                                   ldap_use_name(use));
            }
        }
        if (strcmp(got, at->want) != 0) {
            fail_msg("%s\n    entries %s\n    got  %s\n    want %s", at->settings,
                     at->entries, got, at->want);
        }
        ldap_table_free(&table);
        arena_free(&arena);
    }
}

struct url_case {
    const char *listed, *want;
};

static const struct url_case url_cases[] = {
    {"", "mail;x uid"}, {"uid", "uid"},     {"UID cn", "uid"},
    {"cn sn", "-"},     {"mail", "mail;x"}, {"mail;x uid;y", "mail;x uid;y"},
    {"mailbox", "-"},
};

static void asks_for_attributes_of_urls(void **state)
{
    (void)state;
    struct ldap_table *table = new_table("result_attribute = mail;x, uid");
    for (size_t i = 0; i < sizeof url_cases / sizeof url_cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *listed[WORDS_MAX];
        cut_words(arena, url_cases[i].listed, listed);
        const char *const *names =
            ldap_attributes_of_url(&table->attributes, listed, arena);
        const char *got = names != NULL ? "" : "-";
        for (; names != NULL && *names != NULL; names++) {
            got = arena_format(arena, "%s%s%s", got, *got != '\0' ? " " : "", *names);
        }
        assert_string_equal(got, url_cases[i].want);
        arena_free(&arena);
    }
    assert_ptr_equal(ldap_attributes_of_url(&table->attributes, NULL, NULL),
                     table->attributes.names);
    ldap_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_attributes),
        cmocka_unit_test(asks_for_attributes_of_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
