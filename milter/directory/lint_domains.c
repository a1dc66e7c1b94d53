/* SPDX-License-Identifier: MIT */
/* What makes a whole domain other than its owner thinks. */
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"

static void check_domain(struct lint *lint, const struct table_entry *domain,
                         struct lint_hits *matched)
{
    struct table_entry account;
    if (local_has_domain(&lint->snapshot->settings, domain->key) &&
        table_find(&lint->account_domains, domain->key, &account)) {
        finding_add_format(lint->findings, FINDING_ERROR, "local-domain", DMS_ACCOUNTS,
                           account.line,
                           "Take it out of mydestination (and hostname), or use another "
                           "domain",
                           "%.200s is in mydestination as well: its mail is local to the "
                           "host, and accounts in it get none",
                           domain->key);
    }
    const char *any = arena_format(lint->scratch, "any@%s", domain->key);
    struct lint_step step = lint_search(lint, SEARCH_DOMAIN, any);
    if (step.kind == ANSWER_FOUND && step.question == QUESTION_PATTERN) {
        lint_hits_add(matched, step.line, domain->key);
    }
}

void lint_domains(struct lint *lint)
{
    struct lint_hits matched = {0};
    struct table_entry domain;
    size_t cursor = 0;
    while (table_next(&lint->snapshot->domains, &cursor, &domain)) {
        check_domain(lint, &domain, &matched);
        arena_reset(lint->scratch);
    }
    struct lint_group group;
    cursor = 0;
    while (lint_hits_next(&matched, &cursor, &group)) {
        finding_add_format(lint->findings, FINDING_ERROR, "pattern-matches-domain",
                           DMS_REGEXP, group.line,
                           "Anchor the pattern and write the @: /^name@domain$/",
                           "The pattern also matches the bare name of a domain, %.399s: "
                           "Postfix then takes it for a domain of aliases only, and its "
                           "accounts get no mail",
                           group.names);
    }
    lint_hits_free(&matched);
}
