/* SPDX-License-Identifier: MIT */
#include "directory/lint.h"

#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "mail/key_set.h"

#include <string.h>

/* Ten to twenty seconds of look-ups; a million accounts and a million aliases need a tenth,
 * with a hundred patterns nearly all. */
enum { LOOKUPS_MAX = 150 * 1000 * 1000 };

static void find_account_domains(struct lint *lint)
{
    const struct table *accounts = &lint->snapshot->accounts;
    struct table_entry account;
    size_t cursor = 0;
    while (table_next(accounts, &cursor, &account)) {
        const char *at = strrchr(account.key, '@');
        if (at != NULL) {
            table_add_new(&lint->account_domains, at + 1, "", account.line);
        }
    }
}

static void report_limits(const struct lint *lint)
{
    if (lint->slow_line > 0) {
        finding_add(lint->findings, FINDING_ERROR, "slow-pattern", DMS_REGEXP,
                    lint->slow_line,
                    "The pattern needs so much backtracking for an address of this volume "
                    "that Foregate gives up: such mail is put off with 451",
                    "Write it without repeats inside of repeats, like (a+)+");
    }
    if (lint->budget == 0) {
        finding_add(lint->findings, FINDING_WARNING, "check-incomplete", DMS_VIRTUAL, 0,
                    "There are more aliases and patterns than can be followed within some "
                    "seconds: mistakes that show only there were not looked for",
                    "Use fewer patterns, or shorter ways from alias to alias");
    }
}

void lint_snapshot_within(const struct snapshot *snapshot, size_t lookups,
                          struct finding_list *findings)
{
    struct lint lint = {
        .snapshot = snapshot,
        .findings = findings,
        .arena = arena_new(),
        .scratch = arena_new(),
        .budget = lookups,
    };
    lint.loops = key_set_new(lint.arena);
    find_account_domains(&lint);
    lint_domains(&lint);
    lint_aliases(&lint);
    lint_accounts(&lint);
    lint_patterns(&lint);
    lint_local(&lint);
    lint_quotas(&lint);
    report_limits(&lint);
    table_deinit(&lint.account_domains);
    table_deinit(&lint.domain_kinds);
    arena_free(&lint.scratch);
    arena_free(&lint.arena);
}

void lint_snapshot(const struct snapshot *snapshot, struct finding_list *findings)
{
    lint_snapshot_within(snapshot, LOOKUPS_MAX, findings);
}
