/* SPDX-License-Identifier: MIT */
#include "directory/quota_rule.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* quota_rule is the first, quota_rule2 the second; 0: this is none. */
static int rule_number(const char *name)
{
    if (!has_prefix(name, "quota_rule")) {
        return 0;
    }
    const char *digits = name + strlen("quota_rule");
    size_t length = strlen(digits);
    if (length == 0) {
        return 1;
    }
    bool is_number = length <= 4 && strspn(digits, "0123456789") == length;
    int number = is_number ? (int)strtol(digits, NULL, 10) : 0;
    return number >= 2 ? number : 0;
}

/* Of 2.4: a setting, maybe that of one quota root. */
static bool is_storage_size(const char *name)
{
    if (strcmp(name, "quota_storage_size") == 0) {
        return true;
    }
    const char *slash = strrchr(name, '/');
    return has_prefix(name, "quota/") && slash > name + strlen("quota") &&
           (strcmp(slash, "/quota_storage_size") == 0 ||
            strcmp(slash, "/storage_size") == 0);
}

/* value up to end. unit: of a number without one. False: this is no size. */
static bool take_size(struct quota_rule *rule, const char *value, size_t length, char unit)
{
    char *rest;
    long long number = strtoll(value, &rest, 10);
    const char *end = value + length;
    bool is_number = strchr("+0123456789", *value) != NULL && rest > value;
    if (length == 0 || !is_number || rest > end) {
        return false;
    }
    if (rest < end) {
        unit = *rest >= 'a' ? (char)(*rest - ('a' - 'A')) : *rest;
    }
    if (unit == '\0' || strchr("BKMGT", unit) == NULL) {
        return false;
    }
    if (number == 0) {
        snprintf(rule->text, sizeof rule->text, "0");
    } else if (unit == 'B') {
        snprintf(rule->text, sizeof rule->text, "%lld", number);
    } else {
        snprintf(rule->text, sizeof rule->text, "%lld%c", number, unit);
    }
    return true;
}

/* `*:storage=1G:messages=10`, `?:bytes=3k`, `*:ignore`. The last limit of storage counts.
 * False: there is none. */
static bool take_rule(struct quota_rule *rule, const char *value)
{
    if ((value[0] != '*' && value[0] != '?') || value[1] != ':') {
        return false;
    }
    bool is_taken = false;
    const char *limit = value + 1;
    while (*limit == ':') {
        limit++;
        size_t length = strcspn(limit, ":");
        if (has_prefix(limit, "storage=")) {
            is_taken = take_size(rule, limit + 8, length - 8, 'K') || is_taken;
        } else if (has_prefix(limit, "bytes=")) {
            is_taken = take_size(rule, limit + 6, length - 6, 'B') || is_taken;
        } else if (strcmp(value + 2, "ignore") == 0) {
            snprintf(rule->text, sizeof rule->text, "0");
            return true;
        }
        limit += length;
    }
    return is_taken;
}

void quota_rule_take(struct quota_rule *rule, const char *name, const char *value)
{
    struct quota_rule found = {.number = rule_number(name)};
    bool is_taken = false;
    if (found.number > 0) {
        is_taken = take_rule(&found, value);
    } else if (is_storage_size(name)) {
        found.number = INT_MAX;
        is_taken = take_size(&found, value, strlen(value), 'B');
        if (strcasecmp(value, "unlimited") == 0) {
            snprintf(found.text, sizeof found.text, "0");
            is_taken = true;
        }
    }
    if (is_taken && found.number >= rule->number) {
        *rule = found;
    }
}

const char *quota_rule_limit(const struct quota_rule *rule)
{
    return rule->number > 0 ? rule->text : NULL;
}
