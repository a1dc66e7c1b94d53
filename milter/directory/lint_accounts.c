/* SPDX-License-Identifier: MIT */
/* Accounts whose mail goes elsewhere, and permissions for logins that nobody has. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/login.h"

#include <string.h>

/* Accounts that a line of postfix-virtual.cf or postfix-regexp.cf takes the mail of. */
struct taken {
    struct lint_hits by_catch_all, by_pattern;
};

/* Is the account among those its own address leads to? Also when that cannot be told. */
static bool keeps_mail(struct lint *lint, const char *account, const char *internal)
{
    const struct expansion *expansion = lint_resolve(lint, internal);
    if (expansion == NULL || expansion->fault != FAULT_NONE) {
        return true;
    }
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        if ((recipient->mailbox != NULL && strcmp(recipient->mailbox, account) == 0) ||
            text_equal_folded(recipient->address, account)) {
            return true;
        }
    }
    return false;
}

static void report_shadow(struct lint *lint, const char *account,
                          const struct lint_step *step)
{
    finding_add_format(lint->findings, FINDING_WARNING, "alias-shadows-account",
                       DMS_VIRTUAL, step->line,
                       "If the account is to keep its mail, write its own address as one "
                       "more target",
                       "%.200s is an account as well: its mail goes to %.200s, and the "
                       "account gets none",
                       account, step->value);
}

static void check_account(struct lint *lint, const char *account, struct taken *taken)
{
    const char *internal =
        address_is_plain(account)
            ? account
            : address_complete(lint->scratch, account, &lint->snapshot->settings.rules);
    struct lint_step step = lint_search(lint, SEARCH_ALIASES, internal);
    bool lists_itself = step.kind == ANSWER_FOUND && text_equal_folded(step.value, account);
    if (step.kind != ANSWER_FOUND || lists_itself || keeps_mail(lint, account, internal)) {
        return;
    }
    switch (step.match) {
    case MATCH_EXACT:
        report_shadow(lint, account, &step);
        break;
    case MATCH_PATTERN:
        lint_hits_add(&taken->by_pattern, step.line, account);
        break;
    case MATCH_CATCH_ALL:
        lint_hits_add(&taken->by_catch_all, step.line, account);
        break;
    case MATCH_BASE: /* has a delimiter: Dovecot does not deliver to it anyway */
    case MATCH_BARE: /* its domain is local: nobody delivers to it */
    case MATCH_LOCAL:
        break;
    }
}

static void report_taken(struct lint *lint, struct taken *taken)
{
    struct lint_group group;
    size_t cursor = 0;
    while (lint_hits_next(&taken->by_catch_all, &cursor, &group)) {
        finding_add_format(lint->findings, FINDING_ERROR, "catch-all-swallows-accounts",
                           DMS_VIRTUAL, group.line,
                           "Give each account a line of its own, with its address as key "
                           "and target: alice@example.com alice@example.com",
                           "The catch-all takes the mail of accounts as well: %zu get "
                           "none (%.399s)",
                           group.count, group.names);
    }
    cursor = 0;
    while (lint_hits_next(&taken->by_pattern, &cursor, &group)) {
        finding_add_format(lint->findings, FINDING_ERROR, "pattern-matches-account",
                           DMS_REGEXP, group.line,
                           "Anchor the pattern and make it narrower, or give each account "
                           "a line of its own in postfix-virtual.cf: alice@example.com "
                           "alice@example.com",
                           "The pattern matches accounts: %zu get no mail (%.399s), it "
                           "goes to the target of the pattern",
                           group.count, group.names);
    }
}

/* Without a domain it may mean an account of some domain. */
static bool is_login(struct lint *lint, const char *name)
{
    struct table_entry account;
    struct login login;
    if (strchr(name, '@') != NULL) {
        return table_find(&lint->snapshot->accounts, name, &account);
    }
    const struct directory directory = directory_of(lint->snapshot);
    login_complete(lint->scratch, name, NULL, &directory, &login);
    return !login.is_unknown;
}

static void check_grants(struct lint *lint)
{
    const struct table *grants = &lint->snapshot->grants;
    struct table_entry grant;
    struct table_entry other;
    size_t cursor = 0;
    if (lint->snapshot->settings.others) {
        return; /* somebody else may have it */
    }
    while (table_next(grants, &cursor, &grant)) {
        bool is_first = table_find(grants, grant.key, &other) && other.place == grant.place;
        if (is_first && !is_login(lint, grant.key)) {
            finding_add_format(lint->findings, FINDING_WARNING, "grant-without-account",
                               lint->snapshot->settings.may_send_as, grant.line,
                               "Correct the login, or delete the line",
                               "No account is named %.200s: the line allows nobody "
                               "anything",
                               grant.key);
        }
        arena_reset(lint->scratch);
    }
}

void lint_accounts(struct lint *lint)
{
    const struct table *accounts = &lint->snapshot->accounts;
    struct taken taken = {0};
    struct table_entry account;
    struct table_entry first;
    size_t cursor = 0;
    while (table_next(accounts, &cursor, &account)) {
        if (accounts->twins == 0 ||
            (table_find(accounts, account.key, &first) && first.place == account.place)) {
            check_account(lint, account.key, &taken);
            arena_reset(lint->scratch);
        }
    }
    report_taken(lint, &taken);
    lint_hits_free(&taken.by_catch_all);
    lint_hits_free(&taken.by_pattern);
    check_grants(lint);
}
