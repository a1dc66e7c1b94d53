/* SPDX-License-Identifier: MIT */
#include "reload/changes.h"

#include <stdio.h>
#include <string.h>

static void add_name(struct name_list *list, const char *name)
{
    size_t used = strlen(list->text);
    size_t length = strlen(name);
    list->count++;
    if (list->left_out > 0 || used + length + 1 >= sizeof list->text) {
        list->left_out++;
    } else {
        snprintf(list->text + used, sizeof list->text - used, "%s%s", used > 0 ? " " : "",
                 name);
    }
}

static bool find_rule(const struct generation *generation, const char *name,
                      struct loaded_rule *rule)
{
    size_t i = 0;
    while (generation_rule(generation, i, rule) && strcmp(rule->name, name) != 0) {
        i++;
    }
    return generation_rule(generation, i, rule);
}

static void compare_rules(struct changes *changes, const struct generation *old,
                          const struct generation *new)
{
    struct loaded_rule rule;
    struct loaded_rule other;
    for (size_t i = 0; generation_rule(new, i, &rule); i++) {
        if (!find_rule(old, rule.name, &other)) {
            add_name(&changes->lists[CHANGE_ADDED], rule.file);
        } else if (strcmp(rule.source, other.source) != 0 ||
                   strcmp(rule.file, other.file) != 0) {
            add_name(&changes->lists[CHANGE_CHANGED], rule.file);
        }
    }
    for (size_t i = 0; generation_rule(old, i, &rule); i++) {
        if (!find_rule(new, rule.name, &other)) {
            add_name(&changes->lists[CHANGE_REMOVED], rule.file);
        }
    }
}

static bool is_same(const struct config *left, const struct config *right, const char *name)
{
    const char *one = config_text(left, name);
    const char *other = config_text(right, name);
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* What only one of them has belongs to a rule that came or went. */
static void compare_settings(struct changes *changes, const struct config *old,
                             const struct config *new, const struct config *start)
{
    for (size_t i = 0; i < config_count(new); i++) {
        const char *name = config_option(new, i)->name;
        bool differs = config_is_declared(old, name) && !is_same(old, new, name);
        if (!option_is_fixed(name)) {
            if (differs) {
                add_name(&changes->lists[CHANGE_SETTINGS], name);
            }
        } else if (!is_same(start, new, name)) {
            add_name(&changes->lists[CHANGE_FIXED], name);
            changes->fixed_is_new = changes->fixed_is_new || differs;
        }
    }
}

void changes_find(struct changes *changes, const struct generation *old,
                  const struct generation *new, const struct config *start)
{
    *changes = (struct changes){0};
    compare_rules(changes, old, new);
    compare_settings(changes, generation_config(old), generation_config(new), start);
}

static const char *const keys[CHANGE_COUNT] = {
    [CHANGE_CHANGED] = "changed",           [CHANGE_ADDED] = "added",
    [CHANGE_REMOVED] = "removed",           [CHANGE_SETTINGS] = "settings",
    [CHANGE_FIXED] = "only with a restart",
};

void changes_log(const struct changes *changes, struct log_line *line)
{
    for (int i = 0; i < CHANGE_FIXED; i++) {
        const struct name_list *list = &changes->lists[i];
        if (list->count > 0) {
            log_text(line, keys[i], list->text);
        }
        if (list->left_out > 0) {
            char key[64];
            snprintf(key, sizeof key, "%s_more", keys[i]);
            log_number(line, key, (int64_t)list->left_out);
        }
    }
}

void changes_report(const struct changes *changes, struct report *report)
{
    for (int i = 0; i < CHANGE_COUNT; i++) {
        const struct name_list *list = &changes->lists[i];
        if (list->count > 0) {
            report_add(report, "; %s: %s", keys[i], list->text);
        }
        if (list->left_out > 0) {
            report_add(report, " and %zu more", list->left_out);
        }
    }
}
