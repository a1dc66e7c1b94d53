/* SPDX-License-Identifier: MIT */
/* Aliases of postfix-virtual.cf: their keys, their targets, where they lead, and the
 * domains that they create. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"

#include <string.h>

/* Domains without an account that an alias made ours. */
struct made {
    struct table once; /* domain -> key, line of its first key */
    struct table more; /* those with a reason to be ours */
};

static void count_domain(struct lint *lint, const struct table_entry *alias,
                         struct made *made)
{
    const char *at = strrchr(alias->key, '@');
    struct table_entry account;
    if (alias->value[0] == '@') {
        table_add_new(&made->more, alias->value + 1, "", alias->line);
    }
    if (at == NULL || table_find(&lint->account_domains, at + 1, &account)) {
        return;
    }
    bool is_first = table_add_new(&made->once, at + 1, alias->key, alias->line);
    if (at == alias->key || !is_first) {
        table_add_new(&made->more, at + 1, "", alias->line);
    }
}

/* A part of a domain that has accounts. */
static bool is_subdomain(const struct lint *lint, const char *domain)
{
    struct table_entry account;
    const char *dot = strchr(domain, '.');
    while (dot != NULL && !table_find(&lint->account_domains, dot + 1, &account)) {
        dot = strchr(dot + 1, '.');
    }
    return dot != NULL;
}

static void report_made(struct lint *lint, const struct made *made)
{
    struct table_entry domain;
    struct table_entry other;
    size_t cursor = 0;
    while (table_next(&made->once, &cursor, &domain)) {
        if (!address_domain_is_valid(domain.key) || is_subdomain(lint, domain.key) ||
            table_find(&made->more, domain.key, &other) ||
            local_has_domain(&lint->snapshot->settings, domain.key)) {
            continue;
        }
        finding_add_format(
            lint->findings, FINDING_WARNING, "alias-makes-domain", DMS_VIRTUAL, domain.line,
            "Delete the line if the domain is another server's",
            "%.200s is the only address in its domain: the alias makes %.200s a mail "
            "domain "
            "of this server, which refuses mail for all other addresses in it, and no "
            "longer sends any out",
            domain.value, domain.key);
    }
}

/* The address that the alias is tried with: for @domain, a name that nobody has. */
static const char *asked_address(struct lint *lint, const char *key)
{
    return key[0] == '@'
               ? arena_format(lint->scratch, LINT_NOBODY "%s", key)
               : address_complete(lint->scratch, key, &lint->snapshot->settings.rules);
}

static bool is_domain(const struct lint *lint, const char *key)
{
    struct table_entry domain;
    return strchr(key, '@') == NULL && table_find(&lint->snapshot->domains, key, &domain);
}

static void check_alias(struct lint *lint, const struct table_entry *alias)
{
    lint_key(lint, alias);
    if (is_domain(lint, alias->key)) {
        return; /* its targets mean nothing */
    }
    const char *asked = asked_address(lint, alias->key);
    struct lint_value value = {.file = DMS_VIRTUAL,
                               .line = alias->line,
                               .name = alias->key,
                               .key = alias->key[0] == '@' ? NULL : asked,
                               .value = alias->value};
    if (lint_targets(lint, &value)) {
        lint_expansion(lint, &value, asked);
    }
}

void lint_aliases(struct lint *lint)
{
    const struct table *aliases = &lint->snapshot->aliases;
    struct made made = {0};
    struct table_entry alias;
    struct table_entry first;
    size_t cursor = 0;
    while (table_next(aliases, &cursor, &alias)) {
        if (aliases->twins > 0 && table_find(aliases, alias.key, &first) &&
            first.place != alias.place) {
            continue;
        }
        check_alias(lint, &alias);
        count_domain(lint, &alias, &made);
        arena_reset(lint->scratch);
    }
    report_made(lint, &made);
    table_deinit(&made.once);
    table_deinit(&made.more);
}
