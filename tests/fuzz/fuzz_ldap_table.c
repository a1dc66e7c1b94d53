/* SPDX-License-Identifier: MIT */
/* Any bytes as an ldap_table(5) file: a table that can be used, or an error that says
 * where; the same file twice over says the same; and nobody is told the password. */
#include "ldap/table.h"

#include "base/text.h"
#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_NAME "ldap-users.cf"
#define PASSWORD "Zq7-never-told"

static struct ldap_table *read_table(struct part part, struct finding_list *findings,
                                     struct error *error)
{
    const struct ldap_table_source source = {.kind = LDAP_TABLE_USERS, .path = FILE_NAME};
    *error = (struct error){0};
    FILE *stream = part_open(part);
    struct ldap_table *table = ldap_table_parse(&source, stream, findings, error);
    fclose(stream);
    assert((table != NULL) == (error->kind == ERROR_NONE));
    return table;
}

static void check_table(const struct ldap_table *table)
{
    const struct ldap_attributes *attributes = &table->attributes;
    assert(table->url_count > 0 && table->url_count <= LDAP_SERVERS_MAX);
    for (size_t i = 0; i < table->url_count; i++) {
        const char *url = table->urls[i];
        assert(text_starts_folded(url, "ldap") && strpbrk(url, " ,?#") == NULL);
        assert(!table->start_tls || !text_starts_folded(url, "ldaps"));
        assert(table->version == 3 || text_starts_folded(url, "ldap://"));
    }
    assert(attributes->plain_count > 0 && attributes->plain_count <= attributes->count);
    assert(attributes->terminal_count + attributes->leaf_count <= attributes->plain_count);
    for (size_t i = 0; i < attributes->count; i++) {
        assert(attributes->names[i][0] != '\0');
    }
    assert(attributes->names[attributes->count] == NULL);
    assert(table->version == 2 || table->version == 3);
    assert(!table->start_tls || table->version == 3);
    assert(table->recursion_limit > 0 && table->timeout_ms > 0 && table->size_limit >= 0);
    assert(table->dereference >= 0 && table->dereference <= 3);
    assert((*table->tls_cert == '\0') == (*table->tls_key == '\0'));
    assert(*table->expansion.query_filter != '\0');
    assert(*table->expansion.result_format != '\0');
}

static const char *describe(struct arena *arena, const struct ldap_table *table)
{
    const struct ldap_expansion *expansion = &table->expansion;
    const char *text = arena_format(
        arena, "%d %d %d %d %d %d %d %d|%s|%s|%s|%s|%s|%s|%s|%s|%s|%zu", table->scope,
        table->binds, table->version, table->dereference, table->recursion_limit,
        table->size_limit, table->timeout_ms, table->start_tls, table->bind_dn,
        table->bind_pw, table->tls_ca_cert_file, table->tls_ca_cert_dir, table->tls_cert,
        table->tls_key, expansion->search_base, expansion->query_filter,
        expansion->result_format, expansion->value_limit);
    for (size_t i = 0; i < table->url_count; i++) {
        text = arena_format(arena, "%s|%s", text, table->urls[i]);
    }
    for (size_t i = 0; i < table->attributes.count; i++) {
        text = arena_format(arena, "%s %s", text, table->attributes.names[i]);
    }
    for (size_t i = 0; i < expansion->domain_count; i++) {
        text = arena_format(arena, "%s %s%d", text, expansion->domains[i].name,
                            expansion->domains[i].is_excluded);
    }
    return text;
}

static struct part join(struct arena *arena, struct part part, const char *between,
                        struct part other)
{
    size_t length = strlen(between);
    char *bytes = arena_alloc(arena, part.length + length + other.length + 1);
    memcpy(bytes, part.bytes, part.length);
    memcpy(bytes + part.length, between, length);
    memcpy(bytes + part.length + length, other.bytes, other.length);
    return (struct part){bytes, part.length + length + other.length};
}

/* What stands in the first column is no continuation of what comes before it. */
static void check_twice(struct arena *arena, struct part part,
                        const struct ldap_table *table)
{
    struct error error;
    if (part.length == 0 || part.bytes[0] == '#' || text_is_space(part.bytes[0])) {
        return;
    }
    struct ldap_table *twice = read_table(join(arena, part, "\n", part), NULL, &error);
    assert(twice != NULL);
    assert(strcmp(describe(arena, table), describe(arena, twice)) == 0);
    ldap_table_free(&twice);
}

static void check_secret(struct arena *arena, struct part part)
{
    struct finding_list findings = {.arena = arena};
    struct error error;
    if (memmem(part.bytes, part.length, PASSWORD, strlen(PASSWORD)) != NULL) {
        return;
    }
    struct part last = {"bind_pw = " PASSWORD "\n", strlen("bind_pw = " PASSWORD "\n")};
    struct ldap_table *table = read_table(join(arena, part, "\n", last), &findings, &error);
    assert(strstr(error.text, PASSWORD) == NULL);
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.entries[i];
        assert(strstr(finding->message, PASSWORD) == NULL);
        assert(strstr(finding->remedy, PASSWORD) == NULL);
    }
    if (table != NULL) {
        assert(strcmp(table->bind_pw, PASSWORD) == 0);
        ldap_table_free(&table);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part part = {size > 0 ? (const char *)data : "", size};
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct error error;
    struct ldap_table *table = read_table(part, &findings, &error);
    if (table != NULL) {
        check_table(table);
        check_twice(arena, part, table);
        ldap_table_free(&table);
    } else {
        assert(text_starts_folded(error.text, FILE_NAME));
    }
    for (size_t i = 0; i < findings.count; i++) {
        assert(strcmp(findings.entries[i].file, FILE_NAME) == 0);
    }
    check_secret(arena, part);
    arena_free(&arena);
    return 0;
}
