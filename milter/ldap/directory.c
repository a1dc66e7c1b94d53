/* SPDX-License-Identifier: MIT */
#include "ldap/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_MAX = 6 };

struct ldap_directory {
    struct arena *arena;
    struct loop *loop;
    struct finding_list findings;
    struct ldap_table *tables[LDAP_TABLE_KINDS];
    struct ldap_client *clients[LDAP_TABLE_KINDS]; /* of each table; many are the same */
    const char *quota_attribute;                   /* NULL: none */
};

static const char *file_name(enum ldap_table_kind kind)
{
    switch (kind) {
    case LDAP_TABLE_USERS:
        return "ldap-users.cf";
    case LDAP_TABLE_GROUPS:
        return "ldap-groups.cf";
    case LDAP_TABLE_ALIASES:
        return "ldap-aliases.cf";
    case LDAP_TABLE_DOMAINS:
        return "ldap-domains.cf";
    case LDAP_TABLE_SENDERS:
        return "ldap-senders.cf";
    }
    return "";
}

static const char *filter_option(enum ldap_table_kind kind)
{
    switch (kind) {
    case LDAP_TABLE_USERS:
        return "ldap.query_filter_user";
    case LDAP_TABLE_GROUPS:
        return "ldap.query_filter_group";
    case LDAP_TABLE_ALIASES:
        return "ldap.query_filter_alias";
    case LDAP_TABLE_DOMAINS:
        return "ldap.query_filter_domain";
    case LDAP_TABLE_SENDERS:
        return "ldap.query_filter_senders";
    }
    return "";
}

static size_t list_settings(const struct ldap_directory_settings *settings,
                            enum ldap_table_kind kind,
                            struct ldap_setting list[SETTINGS_MAX])
{
    const struct ldap_setting all[SETTINGS_MAX] = {
        {"server_host", settings->server_host, "ldap.server_host"},
        {"search_base", settings->search_base, "ldap.search_base"},
        {"bind_dn", settings->bind_dn, "ldap.bind_dn"},
        {"bind_pw", settings->bind_pw, "ldap.bind_pw"},
        {"start_tls", settings->start_tls, "ldap.start_tls"},
        {"query_filter", settings->query_filters[kind], filter_option(kind)},
    };
    size_t count = 0;
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        if (all[i].value != NULL) {
            list[count++] = all[i];
        }
    }
    return count;
}

/* A file that cannot be looked at is not missing: then reading it says why. */
static const char *find_file(struct ldap_directory *directory, const char *folder,
                             enum ldap_table_kind kind)
{
    const char *path = arena_format(directory->arena, "%s/%s", folder, file_name(kind));
    bool is_missing = access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    return is_missing ? NULL : path;
}

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static bool read_table(struct ldap_directory *directory,
                       const struct ldap_directory_settings *settings,
                       enum ldap_table_kind kind, struct error *error)
{
    struct ldap_setting list[SETTINGS_MAX];
    const struct ldap_table_source source = {
        .kind = kind,
        .path = find_file(directory, settings->path, kind),
        .settings = list,
        .setting_count = list_settings(settings, kind, list),
    };
    directory->tables[kind] = ldap_table_new(&source, &directory->findings, error);
    if (directory->tables[kind] == NULL && source.path == NULL &&
        !is_given(settings->server_host)) {
        error_wrap(error, "ldap.path: there is no %s/%s", settings->path, file_name(kind));
    }
    return directory->tables[kind] != NULL;
}

static struct ldap_client_settings
client_settings(const struct ldap_table *table,
                const struct ldap_directory_settings *settings, struct arena *arena)
{
    const char *ca = is_given(settings->ca)              ? settings->ca
                     : is_given(table->tls_ca_cert_file) ? table->tls_ca_cert_file
                                                         : table->tls_ca_cert_dir;
    return (struct ldap_client_settings){
        .urls = table->urls,
        .url_count = table->url_count,
        .start_tls = table->start_tls,
        .binds = table->binds,
        .bind_dn = table->bind_dn,
        .bind_pw = table->bind_pw,
        .version = table->version,
        .dereference = table->dereference,
        .ca = arena_copy(arena, ca),
        .certificate = table->tls_cert,
        .key = is_given(table->tls_key) ? table->tls_key : table->tls_cert,
    };
}

static bool is_same_list(const char *const *left, const char *const *right, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(left[i], right[i]) == 0) {
        i++;
    }
    return i == count;
}

static bool is_same(const struct ldap_client_settings *left,
                    const struct ldap_client_settings *right)
{
    return left->url_count == right->url_count &&
           is_same_list(left->urls, right->urls, left->url_count) &&
           left->start_tls == right->start_tls && left->binds == right->binds &&
           left->version == right->version && left->dereference == right->dereference &&
           strcmp(left->bind_dn, right->bind_dn) == 0 &&
           strcmp(left->bind_pw, right->bind_pw) == 0 && strcmp(left->ca, right->ca) == 0 &&
           strcmp(left->certificate, right->certificate) == 0 &&
           strcmp(left->key, right->key) == 0;
}

static bool connect_table(struct ldap_directory *directory,
                          const struct ldap_directory_settings *settings,
                          enum ldap_table_kind kind, struct error *error)
{
    const struct ldap_table *table = directory->tables[kind];
    const struct ldap_client_settings wanted =
        client_settings(table, settings, directory->arena);
    for (size_t i = 0; i < kind; i++) {
        if (is_same(ldap_client_settings(directory->clients[i]), &wanted)) {
            directory->clients[kind] = directory->clients[i];
            return true;
        }
    }
    directory->clients[kind] = ldap_client_new(directory->loop, &wanted, error);
    return directory->clients[kind] != NULL ||
           error_wrap(error, "%s", table->file != NULL ? table->file : "ldap");
}

struct ldap_directory *ldap_directory_new(struct loop *loop,
                                          const struct ldap_directory_settings *settings,
                                          struct error *error)
{
    struct ldap_directory *directory = calloc(1, sizeof *directory);
    if (directory == NULL) {
        abort();
    }
    directory->arena = arena_new();
    directory->loop = loop;
    directory->findings.arena = directory->arena;
    directory->quota_attribute =
        is_given(settings->quota_attribute)
            ? arena_copy(directory->arena, settings->quota_attribute)
            : NULL;
    for (size_t i = 0; i < LDAP_TABLE_KINDS; i++) {
        enum ldap_table_kind kind = (enum ldap_table_kind)i;
        if (!read_table(directory, settings, kind, error) ||
            !connect_table(directory, settings, kind, error)) {
            ldap_directory_free(&directory);
            return NULL;
        }
    }
    return directory;
}

void ldap_directory_free(struct ldap_directory **directory)
{
    struct ldap_client **clients = (*directory)->clients;
    for (size_t i = 0; i < LDAP_TABLE_KINDS; i++) {
        struct ldap_client *client = clients[i];
        for (size_t j = i; j < LDAP_TABLE_KINDS && client != NULL; j++) {
            clients[j] = clients[j] == client ? NULL : clients[j];
        }
        if (client != NULL) {
            ldap_client_free(&client);
        }
    }
    for (size_t i = 0; i < LDAP_TABLE_KINDS; i++) {
        if ((*directory)->tables[i] != NULL) {
            ldap_table_free(&(*directory)->tables[i]);
        }
    }
    arena_free(&(*directory)->arena);
    free(*directory);
    *directory = NULL;
}

void ldap_directory_look_up(const struct ldap_directory *directory,
                            enum ldap_table_kind table, const char *key, int timeout_ms,
                            struct arena *arena, struct ldap_answer *answer)
{
    if (directory->tables[table]->is_unused) {
        *answer = (struct ldap_answer){.kind = ANSWER_NOT_FOUND, .quota = ""};
        return;
    }
    const struct ldap_lookup lookup = {
        .loop = directory->loop,
        .client = directory->clients[table],
        .table = directory->tables[table],
        .quota_attribute = table == LDAP_TABLE_USERS ? directory->quota_attribute : NULL,
        .timeout_ms = timeout_ms,
    };
    ldap_look_up(&lookup, key, arena, answer);
}

const struct finding_list *ldap_directory_findings(const struct ldap_directory *directory)
{
    return &directory->findings;
}
