/* SPDX-License-Identifier: MIT */
#include "directory/lint.h"

#include "directory/dms_parse.h"
#include "directory/local.h"

/* What makes a whole domain other than its owner thinks. */
static void check_domain(const struct snapshot *snapshot, const struct table_entry *domain,
                         struct arena *scratch, struct finding_list *findings)
{
    if (local_has_domain(&snapshot->settings, domain->key)) {
        finding_add_format(findings, FINDING_WARNING, "local-domain", DMS_ACCOUNTS, 0,
                           "Take it out of mydestination (and hostname), or use another "
                           "domain",
                           "%.200s is in mydestination as well: its mail is local to the "
                           "host, accounts in it get none",
                           domain->key);
    }
    struct answer answer =
        snapshot->patterns != NULL
            ? pattern_table_find(snapshot->patterns, domain->key, scratch)
            : (struct answer){.kind = ANSWER_NOT_FOUND};
    if (answer.kind == ANSWER_FOUND) {
        finding_add_format(findings, FINDING_ERROR, "pattern-matches-domain", DMS_REGEXP,
                           answer.line,
                           "Anchor the pattern and write the @: /^name@domain$/",
                           "The pattern matches the bare name %.200s: Postfix takes the "
                           "domain for one of aliases only, and its accounts get no mail",
                           domain->key);
    }
}

static void check_domains(const struct snapshot *snapshot, struct finding_list *findings)
{
    struct arena *scratch = arena_new();
    struct table_entry domain;
    size_t cursor = 0;
    while (table_next(&snapshot->domains, &cursor, &domain)) {
        check_domain(snapshot, &domain, scratch, findings);
        arena_reset(scratch);
    }
    arena_free(&scratch);
}

void lint_snapshot(const struct snapshot *snapshot, struct finding_list *findings)
{
    check_domains(snapshot, findings);
}
