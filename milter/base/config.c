/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include "base/config_store.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct option option;
    const char *variable;          /* its name in the environment */
    const struct setting *setting; /* what counts, or NULL: default */
    const char *value;             /* of setting, else the default */
    int64_t number;
    bool valid; /* value fits the option */
};

/* Pointers to entries and settings stay good while the arrays grow. */
struct list {
    void **items;
    size_t count;
    size_t size;
};

struct config {
    struct arena *arena;
    struct list entries;  /* struct entry */
    struct list settings; /* struct setting, in the order they were set */
    const char *file;     /* of config_load, or NULL */
};

static void list_add(struct list *list, void *item)
{
    if (list->count == list->size) {
        list->size = list->size > 0 ? list->size * 2 : 64;
        list->items = realloc(list->items, list->size * sizeof *list->items);
        if (list->items == NULL) {
            abort();
        }
    }
    list->items[list->count++] = item;
}

void config_free(struct config **config)
{
    if (*config == NULL) {
        return;
    }
    free((*config)->entries.items);
    free((*config)->settings.items);
    arena_free(&(*config)->arena);
    free(*config);
    *config = NULL;
}

struct arena *config_memory(struct config *config)
{
    return config->arena;
}

char *option_environment_name(struct arena *arena, const char *name)
{
    char *variable = arena_format(arena, "FOREGATE_%s", name);
    for (char *at = variable; *at != '\0'; at++) {
        *at = *at == '.' ? '_' : *at;
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    }
    return variable;
}

static struct entry *find_entry(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->entries.count; i++) {
        struct entry *entry = config->entries.items[i];
        if (strcmp(entry->option.name, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static const struct entry *known_entry(const struct config *config, const char *name)
{
    const struct entry *entry = find_entry(config, name);
    assert(entry != NULL);
    return entry;
}

static void entry_evaluate(struct entry *entry, const char *value)
{
    struct complaint ignored;
    entry->value = value;
    entry->number = 0;
    entry->valid =
        value == NULL || option_parse(&entry->option, value, &entry->number, &ignored);
}

static bool is_for(const struct setting *setting, const struct entry *entry)
{
    const char *name = NULL;
    switch (setting->rank) {
    case RANK_DEFAULT:
        break;
    case RANK_DMS_FILE:
    case RANK_DMS_ENVIRONMENT:
        name = entry->option.dms_name;
        break;
    case RANK_FILE:
    case RANK_OVERRIDE:
        name = entry->option.name;
        break;
    case RANK_ENVIRONMENT:
        name = entry->variable;
        break;
    }
    return name != NULL && setting->name != NULL && strcmp(name, setting->name) == 0;
}

static void entry_offer(struct entry *entry, const struct setting *setting)
{
    bool counts = entry->setting == NULL || setting->rank >= entry->setting->rank;
    if (counts && is_for(setting, entry)) {
        entry->setting = setting;
        entry_evaluate(entry, setting->value);
    }
}

static void follow(struct entry *entry, const char *value)
{
    if (entry->setting == NULL) {
        entry_evaluate(entry, value);
    }
}

/* What follows from other options while nobody set it. With its accounts in LDAP
 * docker-mailserver delivers no mail for the host itself; it asks the LDAP server, and what
 * is left of the volume comes behind, as in its virtual_alias_maps. */
static void derive(struct config *config)
{
    const struct entry *hostname = find_entry(config, "hostname");
    struct entry *myorigin = find_entry(config, "myorigin");
    struct entry *mydestination = find_entry(config, "mydestination");
    const struct entry *provisioner = find_entry(config, "dms.provisioner");
    struct entry *sources = find_entry(config, "directory.sources");
    if (hostname == NULL || myorigin == NULL || mydestination == NULL ||
        provisioner == NULL || sources == NULL) {
        return;
    }
    const char *origin = NULL;
    const char *destination = NULL;
    bool is_ldap = strcmp(provisioner->value, "LDAP") == 0;
    config_derive(config->arena, hostname->value, is_ldap, &origin, &destination);
    follow(myorigin, origin);
    follow(mydestination, destination);
    follow(sources, is_ldap ? "ldap dms" : sources->option.initial);
}

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        abort();
    }
    config->arena = arena_new();
    config_declare_program(config);
    derive(config);
    return config;
}

void config_remember(struct config *config, const struct setting *setting)
{
    struct setting *kept = arena_alloc(config->arena, sizeof *kept);
    *kept = *setting;
    list_add(&config->settings, kept);
    for (size_t i = 0; i < config->entries.count; i++) {
        struct entry *entry = config->entries.items[i];
        entry_offer(entry, kept);
        if (entry->setting == kept &&
            (strcmp(entry->option.name, "hostname") == 0 ||
             strcmp(entry->option.name, "dms.provisioner") == 0)) {
            derive(config);
        }
    }
}

const struct setting *config_find_setting(const struct config *config,
                                          enum config_rank rank, const char *name)
{
    for (size_t i = config->settings.count; i > 0; i--) {
        const struct setting *setting = config->settings.items[i - 1];
        if (setting->rank == rank && setting->name != NULL &&
            strcmp(setting->name, name) == 0) {
            return setting;
        }
    }
    return NULL;
}

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    size_t length = strlen(name);
    return length > 0 && strchr(letters, name[0]) != NULL &&
           strspn(name, others) == length && strstr(name, "..") == NULL &&
           name[length - 1] != '.';
}

static bool check_declaration(const struct config *config, const struct entry *entry,
                              struct error *error)
{
    const struct option *option = &entry->option;
    if (!is_name(option->name)) {
        return error_set(error, ERROR_CONFIG,
                         "option %s: a name is made of a-z, 0-9, _ and single dots",
                         option->name);
    }
    for (size_t i = 0; i < config->entries.count; i++) {
        const struct entry *other = config->entries.items[i];
        if (strcmp(other->variable, entry->variable) == 0) {
            return error_set(error, ERROR_CONFIG,
                             "option %s: %s is declared already; take another name",
                             option->name, other->option.name);
        }
    }
    if (option->type == OPTION_CHOICE &&
        (option->choices == NULL || *option->choices == '\0')) {
        return error_set(error, ERROR_CONFIG, "option %s: a choice needs choices",
                         option->name);
    }
    struct complaint complaint;
    int64_t number = 0;
    if (option->initial != NULL &&
        !option_parse(option, option->initial, &number, &complaint)) {
        return error_set(error, ERROR_CONFIG, "option %s: default \"%s\": %s; %s",
                         option->name, option->initial, complaint.message,
                         complaint.remedy);
    }
    return true;
}

bool config_declare(struct config *config, const struct option *option, struct error *error)
{
    struct entry *entry = arena_alloc(config->arena, sizeof *entry);
    entry->option = *option;
    entry->option.name = arena_copy(config->arena, option->name);
    entry->option.initial = arena_copy(config->arena, option->initial);
    entry->option.choices = arena_copy(config->arena, option->choices);
    entry->option.dms_name = arena_copy(config->arena, option->dms_name);
    entry->option.help =
        arena_copy(config->arena, option->help != NULL ? option->help : "");
    entry->variable = option_environment_name(config->arena, option->name);
    if (!check_declaration(config, entry, error)) {
        return false;
    }
    list_add(&config->entries, entry);
    entry_evaluate(entry, entry->option.initial);
    for (size_t i = 0; i < config->settings.count; i++) {
        entry_offer(entry, config->settings.items[i]);
    }
    return true;
}

static const struct entry *valid_entry(const struct config *config, const char *name)
{
    const struct entry *entry = known_entry(config, name);
    assert(entry->valid);
    return entry;
}

const char *config_text(const struct config *config, const char *name)
{
    return known_entry(config, name)->value;
}

bool config_bool(const struct config *config, const char *name)
{
    const struct entry *entry = valid_entry(config, name);
    assert(entry->option.type == OPTION_BOOL);
    return entry->number != 0;
}

int64_t config_number(const struct config *config, const char *name)
{
    const struct entry *entry = valid_entry(config, name);
    enum option_type type = entry->option.type;
    assert(type == OPTION_COUNT || type == OPTION_SIZE || type == OPTION_DURATION);
    return entry->number;
}

bool config_is_declared(const struct config *config, const char *name)
{
    return find_entry(config, name) != NULL;
}

bool config_is_set(const struct config *config, const char *name)
{
    return known_entry(config, name)->setting != NULL;
}

size_t config_count(const struct config *config)
{
    return config->entries.count;
}

const struct option *config_option(const struct config *config, size_t index)
{
    assert(index < config->entries.count);
    const struct entry *entry = config->entries.items[index];
    return &entry->option;
}

const struct setting *config_setting(const struct config *config, size_t index)
{
    return index < config->settings.count ? config->settings.items[index] : NULL;
}

bool config_is_known(const struct config *config, const struct setting *setting)
{
    for (size_t i = 0; i < config->entries.count; i++) {
        if (is_for(setting, config->entries.items[i])) {
            return true;
        }
    }
    return false;
}

const struct setting *config_effective(const struct config *config, size_t index)
{
    const struct entry *entry = config->entries.items[index];
    return entry->setting;
}

const char *config_origin(const struct config *config, const char *name)
{
    const struct setting *setting = known_entry(config, name)->setting;
    return setting == NULL ? "default" : setting->origin;
}

const char *config_file(const struct config *config)
{
    return config->file;
}

bool config_load(struct config *config, const char *path, struct error *error)
{
    config->file = arena_copy(config->arena, path);
    bool loaded = path == NULL || config_load_file(config, path, error);
    config_load_environment(config);
    const char *settings = config_text(config, "dms.settings");
    if (loaded && settings != NULL && *settings != '\0') {
        loaded = config_load_dms_settings(config, settings, error);
    }
    return loaded;
}

struct config *config_again(const struct config *config, struct error *error)
{
    return config_from(config, config->file, error);
}

struct config *config_from(const struct config *config, const char *path,
                           struct error *error)
{
    struct config *again = config_new();
    bool ok = true;
    const struct setting *setting;
    for (size_t i = 0; ok && (setting = config_setting(config, i)) != NULL; i++) {
        if (setting->rank == RANK_OVERRIDE) {
            const char *assignment =
                arena_format(again->arena, "%s=%s", setting->name, setting->value);
            ok = config_override(again, assignment, error);
        }
    }
    if (!ok || !config_load(again, path, error)) {
        config_free(&again);
    }
    return again;
}
