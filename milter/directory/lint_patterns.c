/* SPDX-License-Identifier: MIT */
/* Patterns that match more than was meant: addresses and domains of others. Each is tried
 * on addresses that nobody has, made of common names, of the accounts' names and of the
 * pattern itself. Patterns that match accounts: lint_accounts.c. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"
#include "directory/pattern_sample.h"

#include <string.h>

/* RFC 2606 reserves the domain: nobody has it. */
#define FOREIGN "remote.invalid"

enum { ACCOUNT_NAMES = 64 };

struct probes {
    const char **addresses;
    size_t count, size;
};

static void add_probe(struct lint *lint, struct probes *probes, const char *name,
                      size_t length)
{
    probes->addresses = arena_grow(lint->arena, probes->addresses, probes->count,
                                   &probes->size, sizeof *probes->addresses);
    probes->addresses[probes->count++] =
        arena_format(lint->arena, "%.*s@" FOREIGN, (int)length, name);
}

/* Names that many servers have, and some of the accounts', from all over the file. */
static void make_probes(struct lint *lint, struct probes *probes)
{
    static const char *const names[] = {"postmaster", "abuse",     "info",    "admin",
                                        "hostmaster", "webmaster", "contact", "sales",
                                        "mail",       "no-reply",  "support", "office",
                                        "root",       "news",      "john.doe"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        add_probe(lint, probes, names[i], strlen(names[i]));
    }
    const struct table *accounts = &lint->snapshot->accounts;
    size_t step = accounts->count / ACCOUNT_NAMES + 1;
    struct table_entry account;
    size_t cursor = 0;
    for (size_t i = 0; table_next(accounts, &cursor, &account); i++) {
        if (i % step == 0) {
            add_probe(lint, probes, account.key, strcspn(account.key, "@"));
        }
    }
}

static bool matches(struct lint *lint, const struct pattern_rule *rule, const char *text)
{
    if (lint->budget == 0) {
        return false;
    }
    lint->budget--;
    return pattern_rule_matches(lint->snapshot->patterns, rule, text);
}

/* A foreign address that the rule matches, or NULL. */
static const char *find_foreign(struct lint *lint, const struct pattern_rule *rule,
                                const char *sample, const struct probes *probes)
{
    const char *own =
        arena_format(lint->scratch, "%.*s@" FOREIGN, (int)strcspn(sample, "@"), sample);
    if (own[0] != '@' && matches(lint, rule, own)) {
        return own;
    }
    for (size_t i = 0; i < probes->count; i++) {
        if (matches(lint, rule, probes->addresses[i])) {
            return probes->addresses[i];
        }
    }
    return NULL;
}

static bool is_foreign(struct lint *lint, const char *domain)
{
    struct table_entry entry;
    return strchr(domain, '.') != NULL && address_domain_is_valid(domain) &&
           !local_has_domain(&lint->snapshot->settings, domain) &&
           !table_find(&lint->snapshot->domains, text_fold_copy(lint->scratch, domain),
                       &entry);
}

/* The name of a foreign domain that the rule matches, or NULL. */
static const char *find_foreign_domain(struct lint *lint, const struct pattern_rule *rule,
                                       const char *sample)
{
    const char *const domains[] = {
        FOREIGN,
        sample,
        arena_format(lint->scratch, "%s.invalid", sample),
        arena_format(lint->scratch, "a%s.invalid", sample),
    };
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        if (is_foreign(lint, domains[i]) && matches(lint, rule, domains[i])) {
            return domains[i];
        }
    }
    return NULL;
}

/* Does it match a longer domain, as well as the one that was meant? */
static const char *find_longer(struct lint *lint, const struct pattern_rule *rule,
                               const char *sample)
{
    const char *longer = arena_format(lint->scratch, "%s.invalid", sample);
    return strchr(sample, '@') != NULL && matches(lint, rule, sample) &&
                   matches(lint, rule, longer)
               ? longer
               : NULL;
}

static void report(struct lint *lint, const struct pattern_rule *rule, const char *foreign,
                   const char *domain, const char *longer)
{
    if (domain != NULL) {
        finding_add_format(
            lint->findings, FINDING_ERROR, "pattern-matches-domain", DMS_REGEXP, rule->line,
            "Anchor the pattern and write the @: /^name@domain$/",
            "The pattern also matches the bare names of foreign domains, such as %.200s: "
            "Postfix then takes them for its own, accepts mail of strangers for addresses "
            "there that a pattern matches, and bounces mail of users to all others",
            domain);
    }
    if (foreign != NULL) {
        finding_add_format(
            lint->findings, FINDING_ERROR, "pattern-matches-foreign", DMS_REGEXP,
            rule->line, "Write the domain and anchor the pattern: /^name@example\\.com$/",
            "The pattern also matches foreign addresses, such as %.200s: what users send "
            "to them does not leave, but goes to the target of the pattern",
            foreign);
    } else if (domain == NULL && longer != NULL) {
        finding_add_format(
            lint->findings, FINDING_WARNING, "pattern-without-end", DMS_REGEXP, rule->line,
            "Write a $ behind the domain: /^name@example\\.com$/",
            "The pattern has no end and also matches longer domains, such as %.200s: what "
            "users send to such addresses goes to the target of the pattern",
            longer);
    }
}

/* Does it match the same local-part in one of our domains? Also when that cannot be told.
 */
static bool matches_ours(struct lint *lint, const struct pattern_rule *rule,
                         const char *sample)
{
    struct table_entry domain;
    size_t cursor = 0;
    while (lint->budget > 0 && table_next(&lint->snapshot->domains, &cursor, &domain)) {
        const char *own = arena_format(lint->scratch, "%.*s@%s", (int)strcspn(sample, "@"),
                                       sample, domain.key);
        if (matches(lint, rule, own)) {
            return true;
        }
    }
    return lint->budget == 0;
}

/* Strangers are refused by the domain before anything else, and only accounts and
 * postfix-virtual.cf make one, or another source that knows it. */
static void check_domain(struct lint *lint, const struct pattern_rule *rule,
                         const char *sample)
{
    const char *at = strrchr(sample, '@');
    if (lint->snapshot->settings.others || at == NULL || !address_is_plain(sample) ||
        !is_foreign(lint, at + 1) || !matches(lint, rule, sample) ||
        lint_domain(lint, sample) != LINT_FOREIGN || matches_ours(lint, rule, sample)) {
        return;
    }
    finding_add_format(
        lint->findings, FINDING_WARNING, "pattern-makes-no-domain", DMS_REGEXP, rule->line,
        "If mail for them is to be taken, write one address of the domain into "
        "postfix-virtual.cf, or add an account in it; else delete the pattern",
        "The pattern matches addresses at %.200s, which is no domain of ours, and no "
        "pattern makes it one: strangers who write to them are refused",
        at + 1);
}

/* Often many rules have the same targets: nothing new in them when nothing was wrong. */
struct last_result {
    const char *text;
    bool leads_on;
};

static bool has_targets(struct lint *lint, struct lint_value *value,
                        struct last_result *last)
{
    if (last->text != NULL && strcmp(last->text, value->value) == 0) {
        return last->leads_on;
    }
    size_t before =
        lint->findings->counts[FINDING_ERROR] + lint->findings->counts[FINDING_WARNING];
    last->leads_on = lint_targets(lint, value);
    bool is_clean = before == lint->findings->counts[FINDING_ERROR] +
                                  lint->findings->counts[FINDING_WARNING];
    last->text = is_clean ? value->value : NULL;
    return last->leads_on;
}

/* Where the rule leads, tried with an address that it matches. */
static void check_targets(struct lint *lint, const struct pattern_rule *rule,
                          const char *sample, struct last_result *last)
{
    struct lint_value value = {.file = DMS_REGEXP,
                               .line = rule->line,
                               .name = "The pattern",
                               .value = rule->result};
    bool leads_on = rule->substitutes || has_targets(lint, &value, last);
    if (leads_on && address_is_plain(sample) && matches(lint, rule, sample)) {
        struct lint_step step = lint_search(lint, SEARCH_ALIASES, sample);
        if (step.kind == ANSWER_FOUND && step.match == MATCH_PATTERN &&
            step.line == rule->line) {
            lint_expansion(lint, &value, sample);
        }
    }
}

void lint_patterns(struct lint *lint)
{
    const struct pattern_table *patterns = lint->snapshot->patterns;
    if (patterns == NULL) {
        return;
    }
    struct probes probes = {0};
    make_probes(lint, &probes);
    struct pattern_rule rule;
    struct last_result last = {0};
    int cursor = 0;
    while (pattern_table_next(patterns, &cursor, &rule)) {
        const char *sample = pattern_sample(lint->scratch, rule.expression);
        const char *foreign = find_foreign(lint, &rule, sample, &probes);
        const char *domain = find_foreign_domain(lint, &rule, sample);
        report(lint, &rule, foreign, domain, find_longer(lint, &rule, sample));
        if (foreign == NULL && domain == NULL) {
            check_domain(lint, &rule, sample);
        }
        check_targets(lint, &rule, sample, &last);
        arena_reset(lint->scratch);
    }
}
