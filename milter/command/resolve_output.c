/* SPDX-License-Identifier: MIT */
#include "command/resolve_output.h"

#include "base/text.h"
#include "command/options.h"
#include "command/resolve_tree.h"
#include "command/resolve_way.h"
#include "directory/dms.h"
#include "directory/limit.h"

#include <stdio.h>
#include <string.h>

/* Chains of aliases may be 1000 long: below this depth lines begin with their depth. */
enum { INDENTED_MAX = 20 };

#define GREEN "32"
#define RED "31"
#define YELLOW "33"
#define CYAN "36"
#define FAINT "2"

static const char *printable(const struct resolution *resolution, const char *text)
{
    return text_printable(resolution->arena, text, strlen(text));
}

static const char *painted(const struct resolution *resolution, const char *colour,
                           const char *word)
{
    return resolution->coloured
               ? arena_format(resolution->arena, "\033[%sm%s\033[0m", colour, word)
               : word;
}

/* An address in the tree, up to the colon. */
static void begin_line(const struct resolution *resolution, size_t depth,
                       const char *address)
{
    size_t indented = depth < INDENTED_MAX ? depth : INDENTED_MAX;
    printf("%*s", (int)indented * 2, "");
    if (depth > INDENTED_MAX) {
        printf("[%zu] ", depth);
    }
    bool is_nobody = strcmp(address, "") == 0 || strcmp(address, "\"\"") == 0;
    printf("%s: ", is_nobody ? "<>" : printable(resolution, address));
}

/* The address in its parts, for what they say about it. All are "" when it has none. */
static struct address parts_of(const struct resolution *resolution, const char *external)
{
    static const struct address none = {
        .local_part = "", .base = "", .detail = "", .domain = ""};
    const struct address_rules *rules =
        &snapshot_settings(resolution->directory->snapshot)->rules;
    struct address address;
    struct error error;
    return address_parse(resolution->arena, external, rules, &address, &error) ? address
                                                                               : none;
}

/* docker-mailserver writes the line for root itself. */
static const char *place_of(const struct resolution *resolution,
                            const struct via_step *alias)
{
    bool is_root = alias->match == MATCH_LOCAL && alias->line == 0;
    return is_root ? "POSTMASTER_ADDRESS" : dms_alias_place(resolution->arena, alias);
}

/* What of the address the alias has for its key, where that is not all of it. */
static const char *matched_part(const struct resolution *resolution,
                                const struct via_step *alias)
{
    struct arena *arena = resolution->arena;
    struct address parts = parts_of(resolution, alias->address);
    if (alias->match == MATCH_BASE && parts.detail[0] != '\0') {
        return arena_format(arena, ": without %s", parts.detail);
    }
    if (alias->match == MATCH_CATCH_ALL && parts.domain[0] != '\0') {
        return arena_format(arena, ": @%s", parts.domain);
    }
    if (alias->match == MATCH_BARE && parts.local_part[0] != '\0') {
        return arena_format(arena, ": %s", parts.local_part);
    }
    return "";
}

static void print_alias(const struct resolution *resolution, size_t depth,
                        const struct via_step *alias)
{
    begin_line(resolution, depth, alias->address);
    printf("%s at %s (%s%s)\n", painted(resolution, FAINT, "alias"),
           place_of(resolution, alias), match_kind_name(alias->match),
           printable(resolution, matched_part(resolution, alias)));
}

static bool lists_itself(const struct expanded_recipient *recipient)
{
    size_t i = 0;
    while (i < recipient->via_count &&
           !text_equal_folded(recipient->via[i].address, recipient->address)) {
        i++;
    }
    return i < recipient->via_count && recipient->note == NULL;
}

static void print_mailbox(const struct resolution *resolution,
                          const struct expanded_recipient *recipient)
{
    const char *limit =
        recipient->limit != NULL
            ? recipient->limit
            : snapshot_limit(resolution->directory->snapshot, recipient->mailbox);
    printf(" %s", printable(resolution, recipient->mailbox));
    if (recipient->source != NULL) {
        printf(" in %s", recipient->source);
    }
    if (limit_bytes(limit) < 0) {
        printf(", unlimited");
    } else if (limit != NULL) {
        printf(", limit %s", printable(resolution, limit));
    }
}

/* What becomes of mail that the host keeps. Source: Postfix local/unknown.c, and for the
 * bounces qmgr/qmgr_message.c. */
static const char *local_reason(const struct resolution *resolution,
                                const struct expanded_recipient *recipient)
{
    if (recipient->note != NULL) {
        return arena_format(resolution->arena, "goes to %s", recipient->note);
    }
    const struct directory_settings *settings =
        snapshot_settings(resolution->directory->snapshot);
    struct address parts = parts_of(resolution, recipient->address);
    if (text_equal_folded(parts.base, "postmaster") ||
        text_equal_folded(parts.base, "mailer-daemon") ||
        (text_equal_folded(parts.local_part, "double-bounce") &&
         text_equal_folded(parts.domain, settings->hostname))) {
        return "no alias has it: Postfix discards its mail";
    }
    return parts.local_part[0] == '\0' ? "nobody: Postfix takes it for mailer-daemon"
                                       : "delivered by the host itself";
}

static const char *unknown_reason(const struct resolution *resolution,
                                  const struct expanded_recipient *recipient)
{
    const char *address = recipient->address;
    const char *at = strrchr(address, '@');
    if (recipient->note != NULL) {
        return arena_format(resolution->arena, "%s: its mail bounces", recipient->note);
    }
    if (address[0] == '-' || at == NULL || !address_domain_is_valid(at + 1)) {
        return "no valid address: its mail bounces";
    }
    return "nobody has this address: its mail bounces";
}

static const char *class_colour(enum recipient_class class)
{
    switch (class) {
    case CLASS_MAILBOX:
        return GREEN;
    case CLASS_EXTERNAL:
        return CYAN;
    case CLASS_LOCAL:
        return YELLOW;
    case CLASS_UNKNOWN:
        break;
    }
    return RED;
}

static const char *reason_of(const struct resolution *resolution,
                             const struct expanded_recipient *recipient)
{
    switch (recipient->class) {
    case CLASS_EXTERNAL:
        return "not our domain";
    case CLASS_LOCAL:
        return local_reason(resolution, recipient);
    case CLASS_UNKNOWN:
        return unknown_reason(resolution, recipient);
    case CLASS_MAILBOX:
        break;
    }
    return NULL; /* what has a mailbox needs none */
}

static void print_recipient(const struct resolution *resolution, size_t depth,
                            const struct expanded_recipient *recipient)
{
    const char *reason = reason_of(resolution, recipient);
    begin_line(resolution, depth, recipient->address);
    printf("%s", painted(resolution, class_colour(recipient->class),
                         recipient_class_name(recipient->class)));
    if (recipient->mailbox != NULL) {
        print_mailbox(resolution, recipient);
    }
    if (lists_itself(recipient)) {
        printf(", listed by its own alias");
    }
    if (reason != NULL) {
        printf(", %s", printable(resolution, reason));
    }
    putchar('\n');
}

static void print_tree(const struct resolution *resolution)
{
    const struct tree_node *node =
        resolve_tree_new(resolution->arena, resolution->expansion);
    while ((node = resolve_tree_next(node)) != NULL) {
        if (node->alias != NULL) {
            print_alias(resolution, node->depth, node->alias);
        } else if (!node->again) {
            print_recipient(resolution, node->depth, node->recipient);
        } else {
            begin_line(resolution, node->depth, node->address);
            printf("%s, delivered only once\n", painted(resolution, FAINT, "again"));
        }
    }
}

static const char *end_reason(const struct resolution *resolution,
                              const struct resolve_way *way)
{
    if (way->is_circle) {
        return "the circle is closed";
    }
    enum expansion_fault fault = resolution->expansion->fault;
    return fault == FAULT_LOOP
               ? arena_format(resolution->arena, "after %zu aliases", way->count)
               : expansion_fault_name(fault);
}

/* The rest of the line, and how the address at fault was reached. */
static void print_fault(const struct resolution *resolution)
{
    const struct expansion *expansion = resolution->expansion;
    const char *error = painted(resolution, RED, "error");
    const char *fault = expansion_fault_name(expansion->fault);
    printf("%s, %s at %s: %s\n", error, fault,
           printable(resolution, expansion->fault_address),
           printable(resolution, expansion->fault_reason));
    const struct resolve_way way = resolve_way_find(resolution->arena, resolution->address,
                                                    expansion, resolution->directory);
    for (size_t i = 0; i < way.count; i++) {
        print_alias(resolution, i + 1, &way.steps[i]);
    }
    if (way.count > 0) {
        begin_line(resolution, way.count + 1, way.end);
        printf("%s, %s\n", error, end_reason(resolution, &way));
    }
}

/* There is no alias and no account. */
static const char *unknown_address_reason(const struct resolution *resolution)
{
    switch (resolution->expansion->domain_class) {
    case CLASS_MAILBOX:
        return "our domain, but neither an alias nor an account has this address";
    case CLASS_LOCAL:
        return arena_format(resolution->arena,
                            "no alias has %s, which is at the host itself",
                            resolution->address->external);
    case CLASS_EXTERNAL:
    case CLASS_UNKNOWN:
        break;
    }
    return "no valid address";
}

/* Of the asked address. */
static void print_status(const struct resolution *resolution)
{
    const struct expansion *expansion = resolution->expansion;
    const char *status = expansion_status_name(expansion->status);
    switch (expansion->status) {
    case EXPANSION_OK:
        printf("%s\n", painted(resolution, GREEN, status));
        break;
    case EXPANSION_UNKNOWN:
        printf("%s, %s\n", painted(resolution, RED, status),
               printable(resolution, unknown_address_reason(resolution)));
        break;
    case EXPANSION_RELAY:
        printf("%s, %s; from clients that may relay: ", painted(resolution, CYAN, status),
               expansion->domain_class == CLASS_EXTERNAL ? "not our domain"
                                                         : "it names a further host");
        if (expansion->fault == FAULT_NONE) {
            printf("%s\n", painted(resolution, GREEN, "ok"));
        }
        break;
    case EXPANSION_ERROR:
        break;
    }
}

bool resolution_print_text(const struct resolution *resolution)
{
    printf("%s: ", printable(resolution, resolution->typed));
    print_status(resolution);
    if (resolution->expansion->fault == FAULT_NONE) {
        print_tree(resolution);
    } else {
        print_fault(resolution);
    }
    if (resolution->doubt != NULL && resolution->expansion->fault == FAULT_NONE) {
        printf("  %s: %s\n", painted(resolution, YELLOW, "in doubt"),
               printable(resolution, resolution->doubt));
    }
    return options_flush();
}

bool resolution_refuse_text(const struct resolution *resolution, const char *reason)
{
    printf("%s: %s, syntax: %s\n", printable(resolution, resolution->typed),
           painted(resolution, RED, "error"), printable(resolution, reason));
    return options_flush();
}
