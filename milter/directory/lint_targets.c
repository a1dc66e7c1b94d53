/* SPDX-License-Identifier: MIT */
/* Targets of an alias, one by one: those that nobody has, and those that mean something
 * else than they look like. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"
#include "directory/slots.h"
#include "mail/address_list.h"

#include <string.h>

static const char *const target_remedy =
    "Correct the target, delete it, or add an account for it";

static void report_dangling(struct lint *lint, const struct lint_value *value,
                            const char *target, const char *ending)
{
    if (lint->snapshot->settings.others) {
        return; /* somebody else may have it */
    }
    bool is_root = value->is_local && strcmp(value->name, "root") == 0;
    const char *more =
        text_equal_folded(target, ending)
            ? ""
            : arena_format(lint->scratch, " (by way of aliases: %.200s)", ending);
    const char *domain = strrchr(ending, '@');
    if (is_root) {
        finding_add_format(
            lint->findings, FINDING_WARNING, "root-dangling", value->file, value->line,
            "Set POSTMASTER_ADDRESS (dms.postmaster here) to an address that somebody has",
            "Mail for root, what the server itself reports, goes to %.200s%s, which nobody "
            "has, and bounces",
            target, more);
    } else if (domain != NULL && !lint_has_accounts(lint, domain + 1)) {
        finding_add_format(
            lint->findings, FINDING_ERROR, "dangling-target", value->file, value->line,
            "Correct the target; if its domain is another server's, no line of "
            "postfix-virtual.cf may begin with an address in it",
            "%.200s: nobody has the target %.200s%s. Its domain has no account and counts "
            "as ours only because a line of postfix-virtual.cf begins with an address in "
            "it: mail is accepted and bounced (Foregate refuses it, or leaves the target "
            "out)",
            value->name, target, more);
    } else {
        finding_add_format(
            lint->findings, FINDING_ERROR, "dangling-target", value->file, value->line,
            target_remedy,
            "%.200s: nobody has the target %.200s%s: mail is accepted and bounced "
            "(Foregate refuses it, or leaves the target out)",
            value->name, target, more);
    }
}

/* A name at the host that Postfix itself does not know. */
static void check_name(struct lint *lint, const struct lint_value *value,
                       const struct listed_address *target, const char *internal)
{
    const char *at = strrchr(internal, '@');
    const char *name =
        at != NULL ? arena_copy_bytes(lint->scratch, internal, (size_t)(at - internal))
                   : internal;
    bool own = value->is_local && text_equal_folded(value->name, name);
    if (own || local_has_name(&lint->snapshot->settings, name) ||
        lint_search(lint, SEARCH_LOCAL, internal).kind != ANSWER_NOT_FOUND) {
        return;
    }
    if (strchr(target->internal, '@') == NULL) {
        finding_add_format(
            lint->findings, FINDING_WARNING, "bare-target", value->file, value->line,
            "Write the target with its domain: name@domain",
            "%.200s: the target %.200s has no domain and means %.200s. No local alias has "
            "this name: without a system user of the name, mail is accepted and bounced",
            value->name, target->external, internal);
    } else {
        finding_add_format(
            lint->findings, FINDING_WARNING, "unknown-at-host", value->file, value->line,
            "Correct the target, or write a local alias for its name into "
            "postfix-aliases.cf",
            "%.200s: the target %.200s is a name at the host itself, and no local alias "
            "has it: without a system user of the name, mail is accepted and bounced",
            value->name, internal);
    }
}

static void report_bad(struct lint *lint, const struct lint_value *value,
                       const char *target)
{
    finding_add_format(lint->findings, FINDING_ERROR, "bad-target", value->file,
                       value->line, "Write targets as name@domain, with commas between",
                       "%.200s: the target %.200s is no address that mail can be sent to: "
                       "mail is accepted and bounced",
                       value->name, target);
}

/* No alias has the target: is it somebody's? */
static void check_end(struct lint *lint, const struct lint_value *value,
                      const struct listed_address *target, const char *internal)
{
    const char *routed = local_route(lint->scratch, &lint->snapshot->settings, internal);
    const char *at = strrchr(routed, '@');
    enum lint_domain kind = lint_domain(lint, routed);
    if (kind == LINT_LOCAL) {
        check_name(lint, value, target, routed);
    } else if (routed[0] == '-' || !address_domain_is_valid(at + 1)) {
        report_bad(lint, value, routed);
    } else if (kind == LINT_MANAGED &&
               lint_search(lint, SEARCH_ACCOUNTS, routed).kind == ANSWER_NOT_FOUND) {
        report_dangling(lint, value, internal, routed);
    }
}

/* A catch-all or pattern makes an address of the target that its own line cannot tell. */
static void check_way(struct lint *lint, const struct lint_value *value,
                      const struct lint_step *step, const char *internal)
{
    bool is_made = step->match == MATCH_PATTERN ||
                   (step->match == MATCH_CATCH_ALL && step->value[0] == '@');
    const struct expansion *expansion = is_made ? lint_resolve(lint, internal) : NULL;
    if (expansion == NULL) {
        return;
    }
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        if (recipient->class == CLASS_UNKNOWN && recipient->note == NULL) {
            report_dangling(lint, value, internal, recipient->address);
            return;
        }
    }
}

static void report_nobody(struct lint *lint, const struct lint_value *value)
{
    finding_add_format(lint->findings, FINDING_ERROR, "nobody", value->file, value->line,
                       "Write an address; to throw mail away, `devnull` with the line "
                       "`devnull: /dev/null` in postfix-aliases.cf",
                       "%.200s: a target stands for nobody: Postfix takes it for "
                       "MAILER-DAEMON and throws the mail away",
                       value->name);
}

static void report_not_alone(struct lint *lint, const struct lint_value *value)
{
    finding_add_format(lint->findings, FINDING_ERROR, "domain-target-not-alone",
                       value->file, value->line,
                       "Write @domain as the only target, or whole addresses",
                       "%.200s: @domain as a target keeps the name of the address only "
                       "when it stands alone: here Postfix makes a wrong address of it, "
                       "and mail bounces",
                       value->name);
}

/* A catch-all with targets of its own does the same to all addresses: where that leads is
 * told of its own line, and an alias with this target alone leads no further. */
static bool ends_in_catch_all(const struct lint_value *value, const struct lint_step *step)
{
    return value->is_single && value->key != NULL && step->match == MATCH_CATCH_ALL &&
           step->value[0] != '@';
}

/* True: it leads on. */
static bool check_target(struct lint *lint, const struct lint_value *value,
                         const struct listed_address *target)
{
    const struct directory_settings *settings = &lint->snapshot->settings;
    const char *internal =
        address_complete(lint->scratch, target->external, &settings->rules);
    if (internal[0] == '\0') {
        report_nobody(lint, value);
        return false;
    }
    if (internal[0] == '@') {
        report_not_alone(lint, value);
        return false;
    }
    if (strlen(internal) > SLOT_ADDRESS_BYTES_MAX) {
        return true;
    }
    if (value->key != NULL && text_equal_folded(internal, value->key)) {
        check_end(lint, value, target, internal); /* expansion stops at it */
        return false;
    }
    if (value->is_local && lint_domain(lint, internal) == LINT_LOCAL) {
        check_name(lint, value, target, internal);
        return lint_search(lint, SEARCH_LOCAL, internal).kind == ANSWER_FOUND;
    }
    struct lint_step step = lint_search(lint, SEARCH_ALIASES, internal);
    if (step.kind == ANSWER_FOUND) {
        check_way(lint, value, &step, internal);
        return !ends_in_catch_all(value, &step);
    }
    if (step.kind == ANSWER_NOT_FOUND) {
        check_end(lint, value, target, internal);
    }
    return false;
}

/* `@domain`, which keeps the name. */
static bool check_domain_target(struct lint *lint, const struct lint_value *value)
{
    const char *domain = value->value + 1;
    if (domain[strcspn(domain, ", \t")] != '\0') {
        report_not_alone(lint, value);
    } else if (!address_domain_is_valid(domain)) {
        report_bad(lint, value, value->value);
    } else {
        const char *any = arena_format(lint->scratch, LINT_NOBODY "%s", value->value);
        return lint_search(lint, SEARCH_ALIASES, any).kind == ANSWER_FOUND;
    }
    return false;
}

/* Of the other files the parser has told that. */
static void report_comment(struct lint *lint, const struct lint_value *value)
{
    if (value->is_local) {
        finding_add_format(lint->findings, FINDING_ERROR, "comment-in-value", value->file,
                           value->line, "Put the comment on a line of its own",
                           "%.200s: a comment behind the targets is none: its words, and "
                           "the #, are further recipients, and mail for them bounces",
                           value->name);
    }
}

/* What is no address to local delivery. */
static bool is_special(const char *internal)
{
    return internal[0] == '/' || internal[0] == '|' ||
           text_starts_folded(internal, ":include:");
}

bool lint_targets(struct lint *lint, struct lint_value *value)
{
    if (value->value[0] == '\0' || strlen(value->value) > SLOT_VALUE_BYTES_MAX) {
        return value->value[0] != '\0';
    }
    if (value->value[0] == '@' && !value->is_local) {
        return check_domain_target(lint, value);
    }
    struct address_list list = {0};
    bool is_nobody = strcmp(value->value, "<>") == 0;
    address_list_parse_value(lint->scratch, is_nobody ? "\"\"" : value->value, &list);
    value->is_single = list.count == 1;
    if (list.count == 0) {
        finding_add_format(lint->findings, FINDING_ERROR, "no-address", value->file,
                           value->line, "Write an address, or delete the line",
                           "%.200s: there is no address among the targets: every message "
                           "for it is put off with 451, for all its recipients",
                           value->name);
    }
    bool leads_on = list.count > SLOT_COUNT_MAX;
    for (size_t i = 0; i < list.count; i++) {
        const char *internal = list.entries[i].internal;
        if (internal[0] == '#') {
            report_comment(lint, value);
            break;
        }
        if (!value->is_local || !is_special(internal)) {
            leads_on |= check_target(lint, value, &list.entries[i]);
        }
    }
    return leads_on;
}
