/* SPDX-License-Identifier: MIT */
/* Names at the host itself: local aliases, and the mail that a mail server must be able to
 * take for its postmaster. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"

#include <string.h>

/* Names on the way to a local one, before Postfix takes it for a loop. */
enum { LOCAL_NAMES_MAX = 25 };

/* The circle at the end of the way to a recipient that bounces; false: there is none. */
static bool report_circle(struct lint *lint, const struct expanded_recipient *recipient)
{
    size_t begin = recipient->via_count;
    while (begin > 0 &&
           !text_equal_folded(recipient->via[begin - 1].address, recipient->address)) {
        begin--;
    }
    if (begin == 0) {
        return false;
    }
    begin--;
    size_t count = recipient->via_count - begin;
    struct lint_member *members = arena_array(lint->scratch, count, sizeof *members);
    for (size_t i = 0; i < count; i++) {
        const struct via_step *step = &recipient->via[begin + i];
        const char *name = step->match == MATCH_LOCAL
                               ? arena_copy_bytes(lint->scratch, step->address,
                                                  strcspn(step->address, "@"))
                               : step->address;
        members[i] = (struct lint_member){lint_file(step->match), step->line, name};
    }
    lint_report_loop(lint, members, count);
    return true;
}

static void report_too_large(struct lint *lint, const struct lint_value *value,
                             const char *reason)
{
    finding_add_format(lint->findings, FINDING_ERROR, "too-large", value->file, value->line,
                       "Make the list or the way shorter, or use a mailing list manager",
                       "%.200s: %.200s: its mail bounces, or is put off until it expires",
                       value->name, reason);
}

static void check_way(struct lint *lint, const struct lint_value *value,
                      const char *internal)
{
    const struct expansion *expansion = lint_resolve(lint, internal);
    if (expansion == NULL) {
        return;
    }
    bool is_long = false;
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        bool bounces = recipient->class == CLASS_UNKNOWN && recipient->note != NULL;
        is_long |= bounces && !report_circle(lint, recipient) &&
                   recipient->via_count >= LOCAL_NAMES_MAX;
    }
    if (is_long) {
        report_too_large(lint, value, "local aliases lead through more than 25 names");
    } else if (expansion->fault == FAULT_SIZE || expansion->fault == FAULT_DEPTH) {
        report_too_large(lint, value, expansion->fault_reason);
    }
}

static void check_alias(struct lint *lint, const struct table_entry *alias)
{
    const char *host = lint->snapshot->settings.hostname;
    const char *internal = arena_format(lint->scratch, "%s@%s", alias->key, host);
    struct lint_value value = {.file = DMS_ALIASES,
                               .line = alias->line,
                               .name = alias->key,
                               .value = alias->value,
                               .is_local = true};
    if (lint_targets(lint, &value) && lint_domain(lint, internal) == LINT_LOCAL) {
        check_way(lint, &value, internal);
    }
}

/* RFC 5321 4.5.1: it must be possible to reach the postmaster. Where there are no accounts
 * there is more amiss than that. */
static void check_postmaster(struct lint *lint)
{
    const char *host = lint->snapshot->settings.hostname;
    const char *postmaster = arena_format(lint->scratch, "postmaster@%s", host);
    if (lint->snapshot->accounts.count == 0 ||
        lint_domain(lint, postmaster) != LINT_LOCAL ||
        lint_search(lint, SEARCH_ALIASES, postmaster).kind != ANSWER_NOT_FOUND ||
        lint_search(lint, SEARCH_LOCAL, postmaster).kind != ANSWER_NOT_FOUND) {
        return;
    }
    finding_add_format(lint->findings, FINDING_WARNING, "postmaster-discarded", DMS_ALIASES,
                       0, "Write `postmaster: ADDRESS` into postfix-aliases.cf",
                       "No alias has the name postmaster: mail for postmaster, and for "
                       "%.200s, is accepted and thrown away",
                       postmaster);
}

void lint_local(struct lint *lint)
{
    struct table_entry alias;
    size_t cursor = 0;
    check_postmaster(lint);
    while (table_next(&lint->snapshot->local_aliases, &cursor, &alias)) {
        check_alias(lint, &alias);
        arena_reset(lint->scratch);
    }
}
