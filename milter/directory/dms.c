/* SPDX-License-Identifier: MIT */
#include "directory/dms.h"

#include "directory/dms_parse.h"
#include "directory/file.h"
#include "directory/local.h"
#include "directory/snapshot_build.h"

#include <string.h>

struct loader {
    const struct directory_settings *settings;
    struct finding_list *findings; /* may be NULL */
    struct snapshot *snapshot;
    struct error *error;
    bool failed; /* error has the first reason; the rest is still read, for findings */
};

static void fail(struct loader *loader, const char *code, const char *file, int line,
                 const struct error *error, const char *remedy)
{
    if (loader->findings != NULL) {
        finding_add(loader->findings, FINDING_ERROR, code, file, line, error->text, remedy);
    }
    if (!loader->failed) {
        *loader->error = *error;
        error_wrap(loader->error, "%s", file);
    }
    loader->failed = true;
}

/* NULL when the file could not be read; "" when it is missing and may be. */
static char *read_content(struct loader *loader, const char *path, const char *name,
                          bool required)
{
    struct error error = {0};
    struct file file;
    bool read = file_read_text(loader->snapshot->arena, path, &file, &error);
    if (read && file.missing && required) {
        read = error_set(&error, ERROR_CONFIG,
                         "%s does not exist; create it or name another", path);
    }
    if (!read) {
        fail(loader, "unreadable", name, 0, &error,
             "Until then the directory stays as it was when its files could be read");
        return NULL;
    }
    return file.content;
}

static char *read_volume(struct loader *loader, const char *name, bool required)
{
    const char *path =
        arena_format(loader->snapshot->arena, "%s/%s", loader->settings->volume, name);
    return read_content(loader, path, name, required);
}

/* Postfix fails every look-up in a table that has a key twice, and with it all mail. */
static void check_unique(struct loader *loader, const struct table *aliases)
{
    for (size_t i = 1; i < aliases->count; i++) {
        const struct table_entry *entry = &aliases->entries[i];
        if (strcmp(entry->key, entry[-1].key) != 0) {
            continue;
        }
        struct error error = {0};
        error_set(
            &error, ERROR_CONFIG,
            "%.100s stands on line %d and again on line %d: Postfix then fails every "
            "look-up in the file and refuses all mail with 451; write all targets in one "
            "line and delete the other",
            entry->key, entry[-1].line, entry->line);
        fail(loader, "duplicate-key", DMS_VIRTUAL, entry->line, &error,
             "Write all targets in one line and delete the other");
    }
}

static void load_aliases(struct loader *loader)
{
    struct snapshot *snapshot = loader->snapshot;
    char *content = read_volume(loader, DMS_VIRTUAL, false);
    if (content == NULL) {
        return;
    }
    dms_parse_domains(snapshot, arena_copy(snapshot->arena, content), loader->findings);
    table_parse(snapshot->arena, &snapshot->aliases, content, DMS_VIRTUAL,
                loader->findings);
    table_sort(&snapshot->aliases);
    check_unique(loader, &snapshot->aliases);
}

static void load_grants(struct loader *loader)
{
    const char *path = loader->settings->may_send_as;
    char *content = path != NULL ? read_content(loader, path, path, true) : NULL;
    if (content != NULL) {
        dms_parse_grants(loader->snapshot, content, path, loader->findings);
    }
}

/* What makes a whole domain other than its owner thinks. */
static void check_domains(const struct loader *loader)
{
    const struct snapshot *snapshot = loader->snapshot;
    for (size_t i = 0; loader->findings != NULL && i < snapshot->domains.count; i++) {
        const char *domain = snapshot->domains.entries[i].key;
        if (local_has_domain(loader->settings, domain)) {
            finding_add(
                loader->findings, FINDING_WARNING, "local-domain", DMS_ACCOUNTS, 0,
                arena_format(loader->findings->arena,
                             "%.200s is in mydestination as well: its mail is local "
                             "to the host, accounts in it get none",
                             domain),
                "Take it out of mydestination (and hostname), or use another domain");
        }
        if (snapshot->patterns != NULL &&
            pattern_table_find(snapshot->patterns, domain, loader->findings->arena).kind ==
                ANSWER_FOUND) {
            finding_add(
                loader->findings, FINDING_ERROR, "pattern-matches-domain", DMS_REGEXP, 0,
                arena_format(loader->findings->arena,
                             "A pattern matches the bare name %.200s: Postfix takes "
                             "the domain for one of aliases only, and its accounts get "
                             "no mail",
                             domain),
                "Anchor the pattern and write the @: /^name@domain$/");
        }
    }
}

struct snapshot *dms_load(const struct directory_settings *settings,
                          struct finding_list *findings, struct error *error)
{
    struct snapshot *snapshot = snapshot_new();
    struct loader loader = {
        .settings = settings, .findings = findings, .snapshot = snapshot, .error = error};
    char *content = read_volume(&loader, DMS_ACCOUNTS, true);
    if (content != NULL) {
        dms_parse_accounts(snapshot, content, findings);
    }
    load_aliases(&loader);
    content = read_volume(&loader, DMS_REGEXP, false);
    if (content != NULL) {
        snapshot->patterns =
            pattern_table_parse(snapshot->arena, content, DMS_REGEXP, findings);
    }
    content = read_volume(&loader, DMS_QUOTAS, false);
    if (content != NULL) {
        dms_parse_quotas(snapshot, content, findings);
    }
    load_grants(&loader);
    check_domains(&loader);
    if (loader.failed) {
        snapshot_release(&snapshot);
        return NULL;
    }
    snapshot_seal(snapshot);
    return snapshot;
}

/* FNV-1a: a change of the files is an accident or an edit, not an attack on this sum. */
static uint64_t digest(uint64_t sum, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static uint64_t digest_file(uint64_t sum, const char *path)
{
    struct arena *arena = arena_new();
    struct error error = {0};
    struct file file;
    /* The length goes in as well, so that text cannot move from one file to the next. */
    if (!file_read(arena, path, &file, &error)) {
        sum = digest(sum, error.text, strlen(error.text) + 1);
    } else {
        sum = digest(sum, &file.missing, sizeof file.missing);
        sum = digest(sum, &file.length, sizeof file.length);
        sum = digest(sum, file.content, file.length);
    }
    arena_free(&arena);
    return digest(sum, path, strlen(path) + 1);
}

uint64_t dms_fingerprint(const struct directory_settings *settings)
{
    static const char *const names[] = {DMS_ACCOUNTS, DMS_VIRTUAL, DMS_REGEXP, DMS_QUOTAS};
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sum = digest_file(sum, arena_format(arena, "%s/%s", settings->volume, names[i]));
    }
    if (settings->may_send_as != NULL) {
        sum = digest_file(sum, settings->may_send_as);
    }
    arena_free(&arena);
    return sum;
}
