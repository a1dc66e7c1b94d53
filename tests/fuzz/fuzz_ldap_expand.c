/* SPDX-License-Identifier: MIT */
/* Any key and values through any templates: the first part is an ldap_table(5) file, the
 * second a key, and each line of the third a value. No key and no value changes what a
 * filter or a base means, and an answer is bounded. */
#include "ldap/table.h"

#include "base/text.h"
#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_any(const char *text, const char *characters)
{
    size_t count = 0;
    for (const char *at = text; (at = strpbrk(at, characters)) != NULL; at++) {
        count++;
    }
    return count;
}

/* The characters with a meaning are those of the template; what was one in the key is
 * written `\XX`. */
static void check_query(const struct ldap_expansion *expansion,
                        const struct ldap_query *query)
{
    static const char in_filter[] = "*()";
    static const char in_base[] = "\"+,;<>#";
    assert(count_any(query->filter, in_filter) ==
           count_any(expansion->query_filter, in_filter));
    assert(count_any(query->base, in_base) == count_any(expansion->search_base, in_base));
    assert(strchr(expansion->query_filter, '\\') != NULL ||
           count_any(query->filter, "\\") * 3 <= strlen(query->filter));
    for (const char *at = query->base;
         *expansion->search_base != '\0' && strchr(expansion->search_base, '\\') == NULL &&
         (at = strchr(at, '\\')) != NULL;
         at++) {
        assert(strspn(at + 1, "0123456789ABCDEF") >= 2);
    }
}

/* A whole address of one domain passes whatever a template without labels needs. */
static void check_skipped(const struct ldap_table *table, struct arena *arena)
{
    const struct ldap_expansion *expansion = &table->expansion;
    struct ldap_query query;
    bool asks = ldap_query_make(expansion, "u@1.2.3.4.5.6.7.8.9", arena, &query);
    assert(asks || expansion->domain_count > 0);
    assert(!ldap_query_make(expansion, "", arena, &query));
    assert(!ldap_query_make(expansion, "\xff", arena, &query));
}

static void check_values(const struct ldap_table *table, const char *key,
                         struct part values_part, struct arena *arena)
{
    struct ldap_values values;
    struct error error = {0};
    const char *text = NULL;
    bool is_good = true;
    size_t offered = 0;
    ldap_values_init(&values, &table->expansion, key);
    for (size_t at = 0; at < values_part.length && is_good; offered++) {
        const char *bytes = values_part.bytes + at;
        const char *end = memchr(bytes, '\n', values_part.length - at);
        size_t length = end != NULL ? (size_t)(end - bytes) : values_part.length - at;
        is_good = ldap_values_add(&values, bytes, length, &error);
        at += length + 1;
    }
    assert(is_good == (error.kind == ERROR_NONE));
    assert(values.count <= offered && values.text.length <= LDAP_ANSWER_BYTES_MAX);
    size_t limit = table->expansion.value_limit;
    assert(!is_good || limit == 0 || values.count <= limit);
    enum answer_kind kind = ldap_values_end(&values, arena, &text);
    assert(kind == (text != NULL ? ANSWER_FOUND : ANSWER_NOT_FOUND));
    assert(text == NULL || (values.count > 0 && *text != '\0'));
    ldap_values_deinit(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part rest = {size > 0 ? (const char *)data : "", size};
    const struct ldap_table_source source = {.kind = LDAP_TABLE_USERS, .path = "file"};
    struct part file = part_next(&rest);
    struct part key_part = part_next(&rest);
    struct error error = {0};
    FILE *stream = part_open(file);
    struct ldap_table *table = ldap_table_parse(&source, stream, NULL, &error);
    fclose(stream);
    if (table == NULL) {
        return 0;
    }
    struct arena *arena = arena_new();
    const char *key = arena_copy_bytes(arena, key_part.bytes, key_part.length);
    struct ldap_query query;
    bool asks = ldap_query_make(&table->expansion, key, arena, &query);
    assert(asks == (query.skipped == NULL) && asks == (query.filter != NULL));
    if (asks) {
        check_query(&table->expansion, &query);
    }
    check_skipped(table, arena);
    check_values(table, key, rest, arena);
    arena_free(&arena);
    ldap_table_free(&table);
    return 0;
}
