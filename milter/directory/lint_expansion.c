/* SPDX-License-Identifier: MIT */
/* Aliases that lead round in a circle, or to more addresses than Postfix takes. The
 * resolver finds that there is a fault; the way round is searched for here. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/slots.h"
#include "mail/address_list.h"
#include "mail/key_set.h"

#include <string.h>

enum { MEMBERS_SHOWN = 8, NODES_MAX = 2000 };

/* One address on the way. */
struct node {
    struct lint_member member;
    const char *internal;
    bool lists_itself; /* an expansion that comes back here ends */
};

struct walk {
    struct lint *lint;
    struct node path[SLOT_DEPTH_MAX];
    size_t depth;
    struct key_set *seen;   /* addresses that lead to no loop, or are on the path */
    struct key_set *places; /* the same for lines, when those are compared; else NULL */
    size_t nodes;
};

static int rank(const struct lint_member *member)
{
    return strcmp(member->file, DMS_VIRTUAL) == 0  ? 0
           : strcmp(member->file, DMS_REGEXP) == 0 ? 1
                                                   : 2;
}

static bool is_before(const struct lint_member *left, const struct lint_member *right)
{
    return rank(left) != rank(right) ? rank(left) < rank(right) : left->line < right->line;
}

void lint_report_loop(struct lint *lint, const struct lint_member *members, size_t count)
{
    size_t first = 0;
    for (size_t i = 1; i < count; i++) {
        first = is_before(&members[i], &members[first]) ? i : first;
    }
    const struct lint_member *begin = &members[first];
    const char *place = arena_format(lint->arena, "%s:%d", begin->file, begin->line);
    if (!key_set_add(lint->loops, place)) {
        return;
    }
    const char *way = arena_format(lint->scratch, "%.100s", begin->name);
    for (size_t i = 1; i < count && i < MEMBERS_SHOWN; i++) {
        way = arena_format(lint->scratch, "%s -> %.100s", way,
                           members[(first + i) % count].name);
    }
    if (count > MEMBERS_SHOWN) {
        way = arena_format(lint->scratch, "%s -> (%zu more)", way, count - MEMBERS_SHOWN);
    }
    bool is_local = strcmp(begin->file, DMS_ALIASES) == 0;
    finding_add_format(
        lint->findings, FINDING_ERROR, "loop", begin->file, begin->line,
        "Break the circle: give one of them another target, or its own address as well if "
        "it is to keep the mail",
        is_local
            ? "The aliases lead round in a circle: %s -> %.100s: mail for them, and for "
              "all that leads to them, is accepted and bounced"
            : "The aliases lead round in a circle: %s -> %.100s: mail for them, and for "
              "all that leads to them, is refused with 451 after the data, for all "
              "recipients of the message (Foregate refuses the one recipient before)",
        way, begin->name);
}

/* The target as Postfix makes it of a list entry: completed, with the detail put in. */
static const char *make_target(struct lint *lint, const char *external, const char *detail)
{
    const char *internal =
        address_complete(lint->scratch, external, &lint->snapshot->settings.rules);
    const char *at = strrchr(internal, '@');
    size_t local_length = at != NULL ? (size_t)(at - internal) : strlen(internal);
    return arena_format(lint->scratch, "%.*s%s%s", (int)local_length, internal, detail,
                        internal + local_length);
}

static const char *name_of(struct lint *lint, const struct lint_step *step)
{
    return step->match == MATCH_PATTERN
               ? arena_format(lint->scratch, "the pattern on line %d", step->line)
               : arena_copy(lint->scratch, step->key);
}

/* Targets of the address, in an array that ends with NULL; NULL when no alias has it. */
static const char **targets_of(struct lint *lint, struct node *node)
{
    struct lint_step step = lint_search(lint, SEARCH_ALIASES, node->internal);
    if (step.kind != ANSWER_FOUND) {
        return NULL;
    }
    node->member =
        (struct lint_member){lint_file(step.match), step.line, name_of(lint, &step)};
    const char *at = strrchr(node->internal, '@');
    size_t local = at != NULL ? (size_t)(at - node->internal) : strlen(node->internal);
    const char *detail =
        arena_copy_bytes(lint->scratch, node->internal + local - step.detail, step.detail);
    const char *value = step.value;
    if (value[0] == '@') {
        value = address_quote(lint->scratch, arena_format(lint->scratch, "%.*s%s",
                                                          (int)(local - step.detail),
                                                          node->internal, value));
    }
    struct address_list list = {0};
    address_list_parse_value(lint->scratch, value, &list);
    const char **targets = arena_array(lint->scratch, list.count + 1, sizeof *targets);
    for (size_t i = 0; i < list.count; i++) {
        targets[i] = make_target(lint, list.entries[i].external, detail);
        node->lists_itself |= text_equal_folded(targets[i], node->internal);
    }
    return targets;
}

static bool is_same(const struct lint_member *left, const struct lint_member *right)
{
    return left->line == right->line && left->file == right->file;
}

/* Where the path was already what it is at its end; its end when nowhere. */
static size_t find_begin(const struct walk *walk)
{
    const struct node *last = &walk->path[walk->depth - 1];
    size_t i = 0;
    while (i + 1 < walk->depth &&
           !(walk->places != NULL
                 ? is_same(&walk->path[i].member, &last->member)
                 : text_equal_folded(walk->path[i].internal, last->internal))) {
        i++;
    }
    return i;
}

/* False when the end of the path closes no circle, or one that ends. */
static bool report_circle(struct walk *walk)
{
    size_t begin = find_begin(walk);
    size_t count = walk->depth - 1 - begin;
    if (count == 0 || walk->path[begin].lists_itself) {
        return false;
    }
    struct lint_member *members = arena_array(walk->lint->scratch, count, sizeof *members);
    for (size_t i = 0; i < count; i++) {
        members[i] = walk->path[begin + i].member;
    }
    lint_report_loop(walk->lint, members, count);
    return true;
}

/* Always when lines are not compared. */
static bool is_new_place(struct walk *walk, const struct lint_member *member)
{
    return walk->places == NULL ||
           key_set_add(walk->places, arena_format(walk->lint->scratch, "%s:%d",
                                                  member->file, member->line));
}

/* Follows all targets of an address, the first ones first. True: a loop was reported. */
static bool follow(struct walk *walk, const char *internal)
{
    if (walk->depth == SLOT_DEPTH_MAX || walk->nodes++ >= NODES_MAX ||
        strlen(internal) > SLOT_ADDRESS_BYTES_MAX) {
        return false;
    }
    struct lint *lint = walk->lint;
    lint->budget -= lint->budget < LINT_RESOLVE_COST ? lint->budget : LINT_RESOLVE_COST;
    struct node *node = &walk->path[walk->depth++];
    *node = (struct node){.internal = internal};
    bool is_new = key_set_add(walk->seen, internal);
    bool found = !is_new && walk->places == NULL && report_circle(walk);
    if (is_new) {
        const char **targets = targets_of(lint, node);
        found =
            targets != NULL && !is_new_place(walk, &node->member) && report_circle(walk);
        for (size_t i = 0; !found && targets != NULL && targets[i] != NULL; i++) {
            found = !text_equal_folded(targets[i], internal) && follow(walk, targets[i]);
        }
    }
    walk->depth--;
    return found;
}

/* By address; or by line, which also finds addresses that grow each time round. */
static bool find_loop(struct lint *lint, const char *internal, bool by_line)
{
    struct walk *walk = arena_alloc(lint->scratch, sizeof *walk);
    walk->lint = lint;
    walk->seen = key_set_new(lint->scratch);
    walk->places = by_line ? key_set_new(lint->scratch) : NULL;
    return follow(walk, internal);
}

void lint_expansion(struct lint *lint, const struct lint_value *value, const char *internal)
{
    const struct expansion *expansion = lint_resolve(lint, internal);
    if (expansion == NULL || expansion->fault == FAULT_NONE ||
        expansion->fault == FAULT_TABLE || find_loop(lint, internal, false)) {
        return;
    }
    /* Addresses that grow reach a limit of Postfix's before. */
    bool is_ours = expansion->fault == FAULT_DEPTH;
    if (!is_ours && find_loop(lint, internal, true)) {
        return;
    }
    finding_add_format(
        lint->findings, FINDING_ERROR, "too-large", value->file, value->line,
        "Make the list shorter, or use a mailing list manager",
        is_ours ? "%.200s: %.200s: Foregate refuses its mail with 451"
                : "%.200s: %.200s: mail for it, and for all that leads to it, is refused "
                  "with 451 after the data, for all recipients of the message (Foregate "
                  "refuses the one recipient before)",
        value->name, expansion->fault_reason);
}
