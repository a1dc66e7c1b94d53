/* SPDX-License-Identifier: MIT */
#include "reload/watch.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/text.h"
#include "directory/file.h"

#include <stdlib.h>
#include <string.h>

/* Far more than rules can have in a few folders; a configuration that is not meant ends
 * here. */
enum { FILES_MAX = 4096 };

struct entry {
    const char *path;
    struct file_state now;
    struct file_state marked;
    struct entry *next;
};

struct watch {
    struct arena *arena; /* of the entries */
    struct entry *first;
    struct entry **end;
    size_t count;
};

static void clear(struct watch *watch)
{
    watch->arena = arena_new();
    watch->first = NULL;
    watch->end = &watch->first;
    watch->count = 0;
}

struct watch *watch_new(void)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        abort();
    }
    clear(watch);
    return watch;
}

void watch_free(struct watch **watch)
{
    if (*watch == NULL) {
        return;
    }
    arena_free(&(*watch)->arena);
    free(*watch);
    *watch = NULL;
}

static struct entry *find(struct entry *entry, const char *path)
{
    while (entry != NULL && strcmp(entry->path, path) != 0) {
        entry = entry->next;
    }
    return entry;
}

/* known: what was known of files before. */
static void add(struct watch *watch, struct entry *known, const char *path)
{
    if (watch->count == FILES_MAX || find(watch->first, path) != NULL) {
        return;
    }
    struct entry *entry = arena_alloc(watch->arena, sizeof *entry);
    const struct entry *before = find(known, path);
    *entry = before != NULL ? *before : (struct entry){0};
    entry->path = arena_copy(watch->arena, path);
    entry->next = NULL;
    if (before == NULL) {
        file_digest(entry->path, &entry->now);
        entry->marked = entry->now;
    }
    *watch->end = entry;
    watch->end = &entry->next;
    watch->count++;
}

static void add_rules(struct watch *watch, struct entry *known, const struct config *config)
{
    const char *names = config_text(config, "rules");
    const char *name;
    size_t name_length;
    while (names != NULL && text_next_word(&names, &name, &name_length)) {
        const char *folders = config_text(config, "rules.path");
        const char *folder;
        size_t length;
        while (folders != NULL && text_next_word(&folders, &folder, &length)) {
            add(watch, known,
                arena_format(watch->arena, "%.*s/%.*s.lua", (int)length, folder,
                             (int)name_length, name));
        }
    }
}

void watch_follow(struct watch *watch, const struct config *config)
{
    struct entry *known = watch->first;
    struct arena *before = watch->arena;
    const char *settings = config_text(config, "dms.settings");
    clear(watch);
    if (config_file(config) != NULL) {
        add(watch, known, config_file(config));
    }
    if (settings != NULL && *settings != '\0') {
        add(watch, known, settings);
    }
    add_rules(watch, known, config);
    arena_free(&before);
}

void watch_add_tests(struct watch *watch, const struct generation *generation)
{
    struct loaded_rule rule;
    for (size_t i = 0; generation_rule(generation, i, &rule); i++) {
        const char *names = rule.tests;
        const char *name;
        size_t length;
        int folder = (int)(strrchr(rule.file, '/') - rule.file);
        while (text_next_word(&names, &name, &length)) {
            add(watch, NULL,
                arena_format(watch->arena, "%.*s/%.*s", folder, rule.file, (int)length,
                             name));
        }
    }
}

uint64_t watch_look(struct watch *watch)
{
    uint64_t sum = 0;
    for (struct entry *entry = watch->first; entry != NULL; entry = entry->next) {
        uint64_t digest = file_digest(entry->path, &entry->now);
        sum = hash_bytes(sum, &digest, sizeof digest);
    }
    return sum;
}

void watch_mark(struct watch *watch)
{
    for (struct entry *entry = watch->first; entry != NULL; entry = entry->next) {
        entry->marked = entry->now;
    }
}

bool watch_is_disturbed(const struct watch *watch)
{
    const struct entry *entry = watch->first;
    for (; entry != NULL; entry = entry->next) {
        const struct file_mark mark = {
            .status = entry->marked.known,
            .exists = entry->marked.is_known,
            .is_known = true,
        };
        if (entry->now.digest != entry->marked.digest ||
            file_is_other(&mark, &entry->now)) {
            break;
        }
    }
    return entry != NULL;
}

bool watch_is_settled(const struct watch *watch, int64_t quiet_ms)
{
    const struct entry *entry = watch->first;
    while (entry != NULL && !file_changed_within(&entry->now, quiet_ms) &&
           !file_looks_cut(&entry->marked, &entry->now)) {
        entry = entry->next;
    }
    return entry == NULL;
}
