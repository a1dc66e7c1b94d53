/* SPDX-License-Identifier: MIT */
#include "directory/dms.h"

#include "directory/dms_overrides.h"
#include "directory/dms_parse.h"
#include "directory/snapshot_build.h"

#include "base/hash.h"
#include "base/text.h"

#include <string.h>

/* A set of files that changes all the time is read as it is in the end. */
enum { ATTEMPTS = 5 };

static const char *const names[DMS_FILES] = {
    DMS_MAIN, DMS_DOVECOT, DMS_ACCOUNTS, DMS_VIRTUAL, DMS_REGEXP, DMS_ALIASES, DMS_QUOTAS};

const char *dms_match_file(enum match_kind match)
{
    switch (match) {
    case MATCH_PATTERN:
        return DMS_REGEXP;
    case MATCH_LOCAL:
        return DMS_ALIASES;
    case MATCH_EXACT:
    case MATCH_BASE:
    case MATCH_BARE:
    case MATCH_CATCH_ALL:
        break;
    }
    return DMS_VIRTUAL;
}

const char *dms_alias_place(struct arena *arena, const struct via_step *step)
{
    const char *place = step->source != NULL ? step->source : dms_match_file(step->match);
    return step->line > 0 ? arena_format(arena, "%s:%d", place, step->line) : place;
}

struct loader {
    const struct directory_settings *settings;
    struct finding_list *findings; /* may be NULL */
    struct snapshot *snapshot;
    struct file file; /* the open one */
    const char *name;
    struct file_mark marks[DMS_FILES + 1]; /* of the files as they were opened */
    struct error error;                    /* the first reason why it cannot be used */
    bool failed;                           /* the rest is still read, for findings */
    const char *changed;                   /* a file that did while it was read, or NULL */
};

static void fail(struct loader *loader, const char *code, const char *file, int line,
                 const struct error *error, const char *remedy)
{
    finding_add(loader->findings, FINDING_ERROR, code, file, line, error->text, remedy);
    if (!loader->failed) {
        loader->error = *error;
        error_wrap(&loader->error, "%s", file);
    }
    loader->failed = true;
}

static void fail_reading(struct loader *loader, const struct error *error)
{
    fail(loader, "unreadable", loader->name, 0, error,
         "Until then the directory stays as it was when its files could be read");
}

/* Of a file in names; the one with permissions comes behind them. */
static size_t place_of(const char *name)
{
    size_t i = 0;
    while (i < DMS_FILES && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

/* False when there is nothing to read, which is a failure only of a required file. */
static bool open_path(struct loader *loader, const char *path, const char *name,
                      bool required)
{
    struct error error = {0};
    loader->name = name;
    bool opened = file_open(path, &loader->file, &error) || error_wrap(&error, "%s", path);
    loader->marks[place_of(name)] =
        opened ? file_mark(&loader->file) : (struct file_mark){0};
    if (opened && loader->file.stream == NULL && required) {
        opened = error_set(&error, ERROR_CONFIG,
                           "%s does not exist; create it or name another", path);
    }
    if (!opened) {
        fail_reading(loader, &error);
    }
    return opened && loader->file.stream != NULL;
}

static bool open_file(struct loader *loader, const char *name, bool required)
{
    if (loader->settings->volume == NULL) {
        return false;
    }
    const char *path =
        arena_format(loader->snapshot->arena, "%s/%s", loader->settings->volume, name);
    return open_path(loader, path, name, required);
}

/* read and error are what the parser said. */
static void end_file(struct loader *loader, bool read, const struct error *error)
{
    if (!file_close(&loader->file)) {
        loader->changed = loader->name;
    } else if (!read) {
        fail_reading(loader, error);
    }
}

static void load_delimiters(struct loader *loader)
{
    struct delimiter_override postfix = {0};
    struct delimiter_override dovecot = {0};
    struct snapshot *snapshot = loader->snapshot;
    struct error error = {0};
    if (open_file(loader, DMS_MAIN, false)) {
        bool read = dms_parse_main(loader->file.stream, snapshot->arena, loader->settings,
                                   &postfix, loader->findings, &error);
        end_file(loader, read, &error);
    }
    if (open_file(loader, DMS_DOVECOT, false)) {
        bool read =
            dms_parse_dovecot(loader->file.stream, snapshot->arena, &dovecot, &error);
        end_file(loader, read, &error);
    }
    snapshot->settings.rules.delimiters =
        dms_delimiters(loader->settings, &postfix, &dovecot, loader->findings);
}

static void load_accounts(struct loader *loader)
{
    struct error error = {0};
    if (!loader->settings->accounts_elsewhere && open_file(loader, DMS_ACCOUNTS, true)) {
        bool read = dms_parse_accounts(loader->snapshot, loader->file.stream,
                                       loader->findings, &error);
        end_file(loader, read, &error);
    }
}

/* Postfix fails every look-up in a table that has a key twice, and with it all mail. */
static void check_unique(struct loader *loader)
{
    const struct table *aliases = &loader->snapshot->aliases;
    struct table_entry entry;
    struct table_entry first;
    size_t cursor = 0;
    while (aliases->twins > 0 && table_next(aliases, &cursor, &entry)) {
        if (!table_find(aliases, entry.key, &first) || first.place == entry.place) {
            continue;
        }
        struct error error = {0};
        error_set(
            &error, ERROR_CONFIG,
            "%.100s stands on line %d and again on line %d: Postfix then fails every "
            "look-up in the file and refuses all mail with 451; write all targets in one "
            "line and delete the other",
            entry.key, first.line, entry.line);
        fail(loader, "duplicate-key", DMS_VIRTUAL, entry.line, &error,
             "Write all targets in one line and delete the other");
    }
}

static void load_virtual(struct loader *loader)
{
    struct error error = {0};
    if (!open_file(loader, DMS_VIRTUAL, false)) {
        return;
    }
    FILE *stream = loader->file.stream;
    bool read = loader->settings->accounts_elsewhere ||
                dms_parse_virtual(loader->snapshot, stream, loader->findings, &error);
    rewind(stream);
    read = read && dms_parse_domains(loader->snapshot, stream, loader->findings, &error);
    end_file(loader, read, &error);
    check_unique(loader);
}

static void load_regexp(struct loader *loader)
{
    struct error error = {0};
    if (open_file(loader, DMS_REGEXP, false)) {
        bool read =
            pattern_table_parse(loader->snapshot->arena, loader->file.stream, DMS_REGEXP,
                                loader->findings, &loader->snapshot->patterns, &error);
        end_file(loader, read, &error);
    }
}

static void load_aliases(struct loader *loader)
{
    struct error error = {0};
    if (!open_file(loader, DMS_ALIASES, false)) {
        dms_add_root(loader->snapshot);
    } else {
        bool read = dms_parse_aliases(loader->snapshot, loader->file.stream,
                                      loader->findings, &error);
        end_file(loader, read, &error);
    }
}

static void load_quotas(struct loader *loader)
{
    struct error error = {0};
    if (!loader->settings->accounts_elsewhere && open_file(loader, DMS_QUOTAS, false)) {
        bool read = dms_parse_quotas(loader->snapshot, loader->file.stream,
                                     loader->findings, &error);
        end_file(loader, read, &error);
    }
}

static void load_grants(struct loader *loader)
{
    struct error error = {0};
    const char *path = loader->settings->may_send_as;
    if (path != NULL && open_path(loader, path, path, true)) {
        bool read = dms_parse_grants(loader->snapshot, loader->file.stream, path,
                                     loader->findings, &error);
        end_file(loader, read, &error);
    }
}

static void load_domains(struct loader *loader)
{
    const char *cursor = loader->settings->domains;
    const char *word;
    size_t length;
    while (cursor != NULL && text_next_word(&cursor, &word, &length)) {
        char *domain = arena_copy_bytes(loader->snapshot->arena, word, length);
        text_fold(domain);
        table_add_new(&loader->snapshot->domains, domain, "", 0);
    }
}

static void load(struct loader *loader)
{
    loader->snapshot = snapshot_new(loader->settings);
    loader->failed = false;
    loader->changed = NULL;
    load_delimiters(loader); /* what follows depends on them */
    load_accounts(loader);
    load_virtual(loader);
    load_regexp(loader);
    load_aliases(loader);
    load_quotas(loader);
    load_grants(loader);
    load_domains(loader);
}

/* One state of all files, as far as they stand still. */
static void load_settled(struct loader *loader)
{
    struct finding_list before = {0};
    if (loader->findings != NULL) {
        before = *loader->findings;
    }
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 0) {
            snapshot_release(&loader->snapshot);
        }
        if (loader->findings != NULL) {
            *loader->findings = before;
        }
        load(loader);
        if (loader->changed == NULL) {
            break;
        }
    }
    if (loader->changed != NULL) {
        struct error error = {0};
        loader->name = loader->changed;
        error_set(&error, ERROR_SYSTEM,
                  "changes while it is read; write it aside and rename it");
        fail_reading(loader, &error);
    }
    snapshot_seal(loader->snapshot);
}

/* Of the contents as they were when they were last looked at. */
static uint64_t combine(const struct dms_watch *watch)
{
    uint64_t digests[DMS_FILES + 1];
    for (size_t i = 0; i <= DMS_FILES; i++) {
        digests[i] = watch->files[i].digest;
    }
    return hash_bytes(0, digests, sizeof digests);
}

struct snapshot *dms_load_watched(const struct directory_settings *settings,
                                  struct dms_watch *watch, struct finding_list *findings,
                                  struct error *error)
{
    struct loader loader = {.settings = settings, .findings = findings};
    load_settled(&loader);
    memcpy(watch->loaded, loader.marks, sizeof watch->loaded);
    if (loader.failed) {
        *error = loader.error;
        snapshot_release(&loader.snapshot);
    } else if (watch->files[0].digest != 0 && !settings->others) {
        loader.snapshot->digest = combine(watch);
    }
    return loader.snapshot;
}

struct snapshot *dms_load(const struct directory_settings *settings,
                          struct finding_list *findings, struct error *error)
{
    struct dms_watch ignored = {0};
    return dms_load_watched(settings, &ignored, findings, error);
}

bool dms_changed_within(const struct dms_watch *watch, int64_t ms)
{
    size_t i = 0;
    while (i <= DMS_FILES && !file_changed_within(&watch->files[i], ms)) {
        i++;
    }
    return i <= DMS_FILES;
}

bool dms_looks_cut(const struct dms_watch *before, const struct dms_watch *watch)
{
    size_t i = 0;
    while (i <= DMS_FILES && !file_looks_cut(&before->files[i], &watch->files[i])) {
        i++;
    }
    return i <= DMS_FILES;
}

bool dms_was_disturbed(const struct dms_watch *watch)
{
    size_t i = 0;
    while (i <= DMS_FILES && !file_is_other(&watch->loaded[i], &watch->files[i])) {
        i++;
    }
    return i <= DMS_FILES;
}

struct snapshot *dms_read(const struct directory_settings *settings,
                          struct finding_list *findings)
{
    struct loader loader = {.settings = settings, .findings = findings};
    load_settled(&loader);
    return loader.snapshot;
}

uint64_t dms_fingerprint(const struct directory_settings *settings, struct dms_watch *watch)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; settings->volume != NULL && i < DMS_FILES; i++) {
        file_digest(arena_format(arena, "%s/%s", settings->volume, names[i]),
                    &watch->files[i]);
    }
    if (settings->may_send_as != NULL) {
        file_digest(settings->may_send_as, &watch->files[DMS_FILES]);
    }
    arena_free(&arena);
    return combine(watch);
}
