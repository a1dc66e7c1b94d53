/* SPDX-License-Identifier: MIT */
/* Keys of postfix-virtual.cf that do not do what they look like. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"

#include <string.h>

static void report_spelling(struct lint *lint, const struct table_entry *alias,
                            const char *right)
{
    const char *remedy =
        right != NULL
            ? arena_format(lint->scratch, "Write %.200s", right)
            : "Write `name@domain target`; patterns belong into postfix-regexp.cf";
    finding_add_format(lint->findings, FINDING_ERROR, "key-never-matches", DMS_VIRTUAL,
                       alias->line, remedy,
                       "%.200s is not how Postfix writes an address when it looks for it: "
                       "the line is never used for delivery, mail for the address is "
                       "refused or bounced",
                       alias->key);
}

/* A key without `@` is a name at the host, and, when it is the name of a domain, makes that
 * one of aliases only. */
static void check_bare(struct lint *lint, const struct table_entry *alias)
{
    struct table_entry domain;
    bool managed = table_find(&lint->snapshot->domains, alias->key, &domain);
    if (managed && lint_has_accounts(lint, alias->key)) {
        finding_add_format(lint->findings, FINDING_ERROR, "bare-domain-key", DMS_VIRTUAL,
                           alias->line,
                           "Write @domain for all addresses of the domain, or delete the "
                           "line",
                           "The key is the bare name of our domain %.200s: Postfix takes "
                           "it for a domain of aliases only, and its accounts get no mail",
                           alias->key);
    } else if (!managed && strchr(alias->key, '.') != NULL &&
               address_domain_is_valid(alias->key) &&
               !local_has_domain(&lint->snapshot->settings, alias->key)) {
        finding_add_format(
            lint->findings, FINDING_WARNING, "bare-domain-key", DMS_VIRTUAL, alias->line,
            "Write @domain for all addresses of a domain, name@host for a name at the host",
            "The key %.200s has no @: Postfix takes a domain of this name for its own, and "
            "bounces what users send there",
            alias->key);
    }
}

static bool has_wildcard(const char *key)
{
    const char *at = strrchr(key, '@');
    return key[0] == '*' ? key[1] == '@' || key[1] == '\0'
                         : at != NULL && strchr(at, '*') != NULL;
}

/* Where a key without quotes has an `@`, it is an address, else a name at the host. */
void lint_key(struct lint *lint, const struct table_entry *alias)
{
    const char *key = alias->key;
    if (address_is_plain(key)) {
        return;
    }
    if (has_wildcard(key)) {
        finding_add_format(lint->findings, FINDING_ERROR, "wildcard-key", DMS_VIRTUAL,
                           alias->line,
                           "Write @domain for all addresses of a domain; other patterns "
                           "belong into postfix-regexp.cf",
                           "%.200s: Postfix knows no wildcards, the * stands for itself: "
                           "mail for the addresses that were meant is not aliased",
                           key);
        return;
    }
    if (key[0] == '@') {
        if (!address_domain_is_valid(key + 1)) {
            report_spelling(lint, alias, NULL);
        }
        return;
    }
    const struct address_rules *rules = &lint->snapshot->settings.rules;
    char *internal = address_complete(lint->scratch, key, rules);
    char *written = text_fold_copy(lint->scratch, address_quote(lint->scratch, internal));
    const char *at = strrchr(written, '@');
    bool is_valid = at != NULL && internal[0] != '-' && address_domain_is_valid(at + 1);
    if (is_valid && strcmp(written, key) == 0) {
        return;
    }
    size_t name = at != NULL ? (size_t)(at - written) : 0;
    bool is_bare = name > 0 && strlen(key) == name && strncmp(written, key, name) == 0 &&
                   text_equal_folded(at + 1, rules->myorigin);
    if (is_bare) {
        check_bare(lint, alias);
    } else {
        report_spelling(lint, alias, is_valid ? written : NULL);
    }
}
