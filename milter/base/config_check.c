/* SPDX-License-Identifier: MIT */
/* What is wrong with the configuration, in words. */
#include "base/config_store.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 60, NAME_BYTES = 48 };

struct fault_list {
    struct arena *arena;
    struct config_fault *entries;
    size_t count;
    size_t size;
};

static struct config_fault *fault_add(struct fault_list *list,
                                      const struct setting *setting)
{
    if (list->count == list->size) {
        size_t size = list->size > 0 ? list->size * 2 : 8;
        struct config_fault *entries = arena_array(list->arena, size, sizeof *entries);
        if (list->count > 0) {
            memcpy(entries, list->entries, list->count * sizeof *entries);
        }
        list->entries = entries;
        list->size = size;
    }
    struct config_fault *fault = &list->entries[list->count++];
    fault->origin = setting->source;
    fault->line = setting->line;
    return fault;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Levenshtein's distance; names beyond NAME_BYTES are far from everything. */
static size_t distance(const char *left, const char *right)
{
    size_t left_length = strlen(left);
    size_t right_length = strlen(right);
    if (left_length > NAME_BYTES || right_length > NAME_BYTES) {
        return NAME_BYTES;
    }
    size_t row[NAME_BYTES + 1];
    for (size_t j = 0; j <= right_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= left_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= right_length; j++) {
            size_t above = row[j];
            size_t change = left[i - 1] != right[j - 1] ? 1 : 0;
            row[j] = least(row[j - 1] + 1, above + 1, diagonal + change);
            diagonal = above;
        }
    }
    return row[right_length];
}

/* The name someone meant, or NULL when nothing is near. */
static const char *nearest(const struct config *config, struct arena *arena,
                           const struct setting *setting)
{
    const char *found = NULL;
    size_t best = strlen(setting->name) / 3 + 1;
    for (size_t i = 0; i < config_count(config); i++) {
        const char *name = config_option(config, i)->name;
        if (setting->rank == RANK_ENVIRONMENT) {
            name = option_environment_name(arena, name);
        }
        size_t away = distance(setting->name, name);
        if (away <= best && (found == NULL || away < best)) {
            best = away;
            found = name;
        }
    }
    return found;
}

static void add_unknown(const struct config *config, struct fault_list *list,
                        const struct setting *setting)
{
    struct config_fault *fault = fault_add(list, setting);
    const char *known = nearest(config, list->arena, setting);
    fault->code = "unknown-option";
    fault->message = arena_format(list->arena, "there is no option %s",
                                  text_printable(list->arena, setting->name, SHOWN_BYTES));
    fault->remedy = known != NULL ? arena_format(list->arena, "did you mean %s?", known)
                                  : "remove it, or see `foregate config` for the names";
}

static void add_bad_value(struct fault_list *list, const struct setting *setting,
                          const struct option *option, const struct complaint *complaint)
{
    const char *value = *setting->value == '\0'         ? "(empty)"
                        : option->type == OPTION_SECRET ? "(not shown)"
                                                        : setting->value;
    struct config_fault *fault = fault_add(list, setting);
    fault->code = "bad-value";
    fault->message =
        arena_format(list->arena, "%s = %s: %s", setting->name,
                     text_printable(list->arena, value, SHOWN_BYTES), complaint->message);
    fault->remedy = arena_copy(list->arena, complaint->remedy);
}

/* Broken lines and unknown names. */
static void judge_setting(const struct config *config, struct fault_list *list,
                          const struct setting *setting, bool unknown_names)
{
    bool from_dms = setting->rank == RANK_DMS_FILE || setting->rank == RANK_DMS_ENVIRONMENT;
    bool known = setting->name != NULL && config_is_known(config, setting);
    if (setting->code != NULL && (known || !from_dms)) {
        struct config_fault *fault = fault_add(list, setting);
        fault->code = setting->code;
        fault->message = setting->message;
        fault->remedy = setting->remedy;
    } else if (!known && !from_dms && setting->name != NULL && unknown_names) {
        add_unknown(config, list, setting);
    }
}

/* Only values that count: one that is overridden does no harm. */
static void judge_value(const struct config *config, struct fault_list *list, size_t index)
{
    const struct setting *setting = config_effective(config, index);
    if (setting == NULL || setting->code != NULL) {
        return;
    }
    const struct option *option = config_option(config, index);
    struct complaint complaint;
    int64_t number = 0;
    if (!option_parse(option, setting->value, &number, &complaint) ||
        !config_check_form(option->name, setting->value, &complaint)) {
        add_bad_value(list, setting, option, &complaint);
    }
}

static size_t find_faults(const struct config *config, struct arena *arena,
                          bool unknown_names, struct config_fault **faults)
{
    struct fault_list list = {.arena = arena};
    const struct setting *setting = NULL;
    for (size_t i = 0; (setting = config_setting(config, i)) != NULL; i++) {
        judge_setting(config, &list, setting, unknown_names);
    }
    for (size_t i = 0; i < config_count(config); i++) {
        judge_value(config, &list, i);
    }
    *faults = list.entries;
    return list.count;
}

size_t config_faults(const struct config *config, struct arena *arena,
                     struct config_fault **faults)
{
    return find_faults(config, arena, true, faults);
}

static bool check(const struct config *config, bool unknown_names, struct error *error)
{
    struct arena *arena = arena_new();
    struct config_fault *faults = NULL;
    size_t count = find_faults(config, arena, unknown_names, &faults);
    if (count > 0 && faults[0].line > 0) {
        error_set(error, ERROR_CONFIG, "%s:%d: %s; %s", faults[0].origin, faults[0].line,
                  faults[0].message, faults[0].remedy);
    } else if (count > 0) {
        error_set(error, ERROR_CONFIG, "%s: %s; %s", faults[0].origin, faults[0].message,
                  faults[0].remedy);
    }
    arena_free(&arena);
    return count == 0;
}

bool config_check(const struct config *config, struct error *error)
{
    return check(config, true, error);
}

bool config_check_declared(const struct config *config, struct error *error)
{
    return check(config, false, error);
}
