/* SPDX-License-Identifier: MIT */
#include "ldap/table.h"

#include "directory/file.h"
#include "ldap/settings.h"
#include "ldap/table_read.h"

#include <assert.h>

enum { FILE_BYTES = 1 << 20 };

static const struct ldap_shipped shipped[LDAP_TABLE_KINDS] = {
    [LDAP_TABLE_USERS] = {"users", "(&(mail=%s)(mailEnabled=TRUE))", "mail",
                          "LDAP_QUERY_FILTER_USER"},
    [LDAP_TABLE_GROUPS] = {"groups", "(&(mailGroupMember=%s)(mailEnabled=TRUE))", "mail",
                           "LDAP_QUERY_FILTER_GROUP"},
    [LDAP_TABLE_ALIASES] = {"aliases", "(&(mailAlias=%s)(mailEnabled=TRUE))", "mail",
                            "LDAP_QUERY_FILTER_ALIAS"},
    [LDAP_TABLE_DOMAINS] = {"domains",
                            "(&(|(mail=*@%s)(mailalias=*@%s))(mailEnabled=TRUE))", "mail",
                            "LDAP_QUERY_FILTER_DOMAIN"},
    [LDAP_TABLE_SENDERS] = {"senders", "(mail=%s)", "mail, uid",
                            "LDAP_QUERY_FILTER_SENDERS"},
};

const char *ldap_table_kind_name(enum ldap_table_kind kind)
{
    return shipped[kind].name;
}

const struct ldap_shipped *ldap_table_shipped(enum ldap_table_kind kind)
{
    return &shipped[kind];
}

/* Without a file: what docker-mailserver ships, but for the names of an example. */
static bool take_shipped(struct ldap_settings *settings, enum ldap_table_kind kind,
                         struct error *error)
{
    const char *const defaults[][2] = {
        {"query_filter", shipped[kind].filter},
        {"result_attribute", shipped[kind].attributes},
        {"bind", "yes"},
        {"version", "3"},
        {"server_host", ""},
    };
    bool is_good = true;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0] && is_good; i++) {
        is_good = ldap_settings_replace(settings, defaults[i][0], defaults[i][1],
                                        settings->file, error);
    }
    return is_good;
}

/* stream: NULL for what docker-mailserver ships. */
static struct ldap_table *build(const struct ldap_table_source *source, FILE *stream,
                                struct finding_list *findings, struct error *error)
{
    struct arena *arena = arena_new();
    struct ldap_table *table = arena_alloc(arena, sizeof *table);
    struct ldap_settings settings;
    table->arena = arena;
    table->kind = source->kind;
    table->file = arena_copy(arena, source->path);
    const char *name = arena_format(arena, "LDAP table %s", shipped[source->kind].name);
    ldap_settings_init(&settings, arena, stream != NULL ? table->file : name, findings);
    bool is_good = stream != NULL ? ldap_settings_read(&settings, stream, error)
                                  : take_shipped(&settings, source->kind, error);
    for (size_t i = 0; i < source->setting_count && is_good; i++) {
        const struct ldap_setting *setting = &source->settings[i];
        is_good = ldap_settings_replace(&settings, setting->name, setting->value,
                                        setting->origin, error);
    }
    if (!is_good || !ldap_read_lookup(table, &settings, error) ||
        !ldap_read_connection(table, &settings, error)) {
        ldap_table_free(&table);
    }
    return table;
}

struct ldap_table *ldap_table_parse(const struct ldap_table_source *source, FILE *stream,
                                    struct finding_list *findings, struct error *error)
{
    assert(source->path != NULL && stream != NULL);
    return build(source, stream, findings, error);
}

struct ldap_table *ldap_table_new(const struct ldap_table_source *source,
                                  struct finding_list *findings, struct error *error)
{
    if (source->path == NULL) {
        return build(source, NULL, findings, error);
    }
    struct file file;
    if (!file_open(source->path, &file, error)) {
        error_wrap(error, "%s", source->path);
        return NULL;
    }
    if (file.stream == NULL) {
        error_set(error, ERROR_CONFIG, "%s does not exist; name the ldap_table(5) file",
                  source->path);
        return NULL;
    }
    struct ldap_table *table = NULL;
    if (file.opened.st_size > FILE_BYTES) {
        error_set(error, ERROR_CONFIG,
                  "%s is larger than %d bytes: it is no ldap_table(5) "
                  "file",
                  source->path, FILE_BYTES);
    } else {
        table = build(source, file.stream, findings, error);
    }
    if (!file_close(&file) && table != NULL) {
        ldap_table_free(&table);
        error_set(error, ERROR_SYSTEM,
                  "%s changes while it is read; write it aside and rename it",
                  source->path);
    }
    return table;
}

void ldap_table_free(struct ldap_table **table)
{
    if (*table != NULL) {
        struct arena *arena = (*table)->arena;
        *table = NULL;
        arena_free(&arena);
    }
}
