/* SPDX-License-Identifier: MIT */
#include "directory/rewrite.h"

#include "base/text.h"
#include "directory/resolve.h"
#include "mail/dsn.h"
#include "mail/key_set.h"

#include <string.h>

struct rewriting {
    const struct rewrite *rewrite;
    const struct directory *directory;
    struct arena *arena;
    const struct address *asked; /* the recipient as the client gave it */
    bool beside_others;          /* the message has more than one */
};

static const struct expansion *expand(const struct rewriting *rewriting,
                                      const char *external, struct address *address)
{
    struct error ignored;
    const struct address_rules *rules =
        &snapshot_settings(rewriting->directory->snapshot)->rules;
    if (!address_parse(rewriting->arena, external, rules, address, &ignored)) {
        return NULL;
    }
    return resolve_address(rewriting->arena, address, rewriting->directory);
}

/* Sent to by itself, an address elsewhere does not come back to the aliases that make it
 * its own target and add others. */
static bool loses_others(const struct expanded_recipient *recipient)
{
    bool own_target = false;
    for (size_t i = 0; recipient->class == CLASS_EXTERNAL && i < recipient->via_count;
         i++) {
        own_target =
            own_target || text_equal_folded(recipient->via[i].address, recipient->address);
    }
    return own_target;
}

/* Can an envelope name all that it expands to? */
static bool is_expandable(const struct expansion *expansion)
{
    bool possible =
        (expansion->status == EXPANSION_OK || expansion->status == EXPANSION_RELAY) &&
        expansion->fault == FAULT_NONE && expansion->domain_class != CLASS_LOCAL;
    for (size_t i = 0; possible && i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        possible = recipient->class != CLASS_LOCAL && !loses_others(recipient);
        for (size_t j = 0; possible && j < recipient->via_count; j++) {
            possible = recipient->via[j].match != MATCH_LOCAL;
        }
    }
    return possible && expansion->recipient_count > 0;
}

static const char *base_of_text(const struct rewriting *rewriting, const char *external)
{
    struct address address;
    struct error ignored;
    const struct address_rules *rules =
        &snapshot_settings(rewriting->directory->snapshot)->rules;
    return address_parse(rewriting->arena, external, rules, &address, &ignored)
               ? address_without_detail(rewriting->arena, &address)
               : external;
}

/* Do both lead to the same places, when details do not count? Where the detail does not
 * come through to a place there is nothing to take away. */
static bool is_same_way(const struct rewriting *rewriting, const struct expansion *with,
                        const struct expansion *without)
{
    bool same = is_expandable(with) && is_expandable(without) &&
                with->recipient_count == without->recipient_count;
    struct key_set *reached = key_set_new(rewriting->arena);
    for (size_t i = 0; same && i < without->recipient_count; i++) {
        key_set_add(reached, without->recipients[i].address);
    }
    for (size_t i = 0; same && i < with->recipient_count; i++) {
        const char *address = with->recipients[i].address;
        same = !key_set_has(reached, address) &&
               text_equal_folded(base_of_text(rewriting, address),
                                 base_of_text(rewriting, without->recipients[i].address));
    }
    return same;
}

/* Whether the options take this detail away. One that the operator wrote into a target
 * elsewhere is part of that address: only what came with the recipient goes. */
static bool is_unwanted(const struct rewriting *rewriting, const struct address *address,
                        const struct expansion *expansion)
{
    if (expansion->domain_class == CLASS_EXTERNAL) {
        return strcmp(address->detail, rewriting->asked->detail) == 0;
    }
    return expansion->domain_class == CLASS_MAILBOX &&
           rewriting->rewrite->detail == DETAIL_STRIP;
}

static const char *without_detail(const struct rewriting *rewriting, const char *external)
{
    struct address address;
    struct address base;
    const struct expansion *with = expand(rewriting, external, &address);
    if (with == NULL || address.detail[0] == '\0' ||
        !is_unwanted(rewriting, &address, with)) {
        return external;
    }
    const char *bare = address_without_detail(rewriting->arena, &address);
    const struct expansion *without = expand(rewriting, bare, &base);
    return without != NULL && is_same_way(rewriting, with, without) ? bare : external;
}

struct targets {
    const char **list;
    size_t count;
    bool expanded; /* the aliases say so, and no rule */
};

/* What the recipient is to be delivered to, before details are looked at. */
static struct targets list_targets(const struct rewriting *rewriting,
                                   const struct recipient *recipient)
{
    if (recipient->replaced) {
        return (struct targets){.list = recipient->replacement,
                                .count = recipient->replacement_count};
    }
    const struct expansion *expansion =
        rewriting->rewrite->expand
            ? resolve_address(rewriting->arena, &recipient->address, rewriting->directory)
            : NULL;
    struct targets targets = {.count = 1,
                              .expanded = expansion != NULL && is_expandable(expansion)};
    if (targets.expanded) {
        targets.count = expansion->recipient_count;
    }
    targets.list = arena_array(rewriting->arena, targets.count, sizeof *targets.list);
    targets.list[0] = recipient->address.external;
    for (size_t i = 0; targets.expanded && i < targets.count; i++) {
        targets.list[i] = expansion->recipients[i].address;
    }
    return targets;
}

/* Sent to by itself, an address that is its own target brings its others with it, as the
 * tables write them: is one of them not in the list? */
static bool brings_others(const struct rewriting *rewriting, const char **list,
                          size_t count)
{
    struct key_set *listed = key_set_new(rewriting->arena);
    bool brings = false;
    for (size_t i = 0; i < count; i++) {
        key_set_add(listed, list[i]);
    }
    for (size_t i = 0; !brings && count > 1 && i < count; i++) {
        struct address address;
        const struct expansion *expansion = expand(rewriting, list[i], &address);
        size_t members = expansion != NULL ? expansion->recipient_count : 0;
        for (size_t j = 0; members > 1 && j < members; j++) {
            brings = brings || !key_set_has(listed, expansion->recipients[j].address);
        }
    }
    return brings;
}

static bool is_ours(const struct rewriting *rewriting)
{
    const struct question question = {
        .kind = QUESTION_DOMAIN,
        .key = text_fold_copy(rewriting->arena, rewriting->asked->domain)};
    return directory_answer(rewriting->directory, &question, rewriting->arena).kind ==
           ANSWER_FOUND;
}

/* The targets without the details that the options take away. */
static const char **strip_details(const struct rewriting *rewriting,
                                  const struct targets *targets)
{
    const char **list = arena_array(rewriting->arena, targets->count + 1, sizeof *list);
    bool changed = false;
    for (size_t i = 0; i < targets->count; i++) {
        list[i] = without_detail(rewriting, targets->list[i]);
        changed = changed || list[i] != targets->list[i];
    }
    bool possible = changed && !brings_others(rewriting, list, targets->count);
    return possible ? list : targets->list;
}

/* The recipient, or its rewritten copy. */
static struct recipient *rewrite_one(const struct rewriting *rewriting,
                                     struct recipient *recipient)
{
    struct targets targets = list_targets(rewriting, recipient);
    /* The detail of an address that is not ours is no detail to us. */
    bool is_foreign = targets.count == 1 &&
                      text_equal_folded(targets.list[0], recipient->address.external) &&
                      !is_ours(rewriting);
    bool strips = rewriting->rewrite->detail != DETAIL_KEEP && !is_foreign;
    const char **list = strips ? strip_details(rewriting, &targets) : targets.list;
    bool changed = !recipient->replaced || list != targets.list;
    bool is_itself = !recipient->replaced && targets.count == 1 &&
                     text_equal_folded(list[0], recipient->address.external);
    /* Beside others it may be behind one of them that is its own target: the plan sees. */
    if (is_itself ? !rewriting->beside_others || !targets.expanded : !changed) {
        return recipient;
    }
    struct recipient *copy = arena_alloc(rewriting->arena, sizeof *copy);
    *copy = *recipient;
    copy->replaced = true;
    copy->replacement = list;
    copy->replacement_count = targets.count;
    return copy;
}

size_t rewrite_count(const struct rewrite *rewrite, const struct address *address,
                     const struct directory *directory)
{
    if (!rewrite->expand) {
        return 1;
    }
    struct arena *arena = arena_new();
    const struct expansion *expansion = resolve_address(arena, address, directory);
    size_t count = is_expandable(expansion) ? expansion->recipient_count : 1;
    arena_free(&arena);
    return count;
}

struct recipient *const *rewrite_recipients(const struct rewrite *rewrite,
                                            const struct message *message,
                                            const struct directory *directory)
{
    if (!rewrite->expand && rewrite->detail == DETAIL_KEEP) {
        return message->recipients;
    }
    struct rewriting rewriting = {
        .rewrite = rewrite,
        .directory = directory,
        .arena = message->arena,
        .beside_others = message_accepted_count(message) > 1,
    };
    struct recipient **list = arena_array(message->arena, message->recipient_count + 1,
                                          sizeof(struct recipient *));
    for (size_t i = 0; i < message->recipient_count; i++) {
        list[i] = message->recipients[i];
        if (list[i]->state == RECIPIENT_ACCEPTED) {
            rewriting.asked = &list[i]->address;
            list[i] = rewrite_one(&rewriting, list[i]);
        }
    }
    return list;
}

/* The only recipient, when it is no longer one. */
static const struct recipient *find_replaced(const struct message *message,
                                             const struct edit_list *edits)
{
    bool replaced = edits->count > 0 && edits->edits[0].kind == EDIT_DELETE_RECIPIENT;
    for (size_t i = 0; replaced && i < message->recipient_count; i++) {
        if (message->recipients[i]->state == RECIPIENT_ACCEPTED &&
            message_accepted_count(message) == 1) {
            return message->recipients[i];
        }
    }
    return NULL;
}

void rewrite_trace(const struct rewrite *rewrite, const struct message *message,
                   struct edit_list *edits)
{
    const struct recipient *replaced = find_replaced(message, edits);
    if ((!rewrite->expand && rewrite->detail == DETAIL_KEEP) || rewrite->header == NULL ||
        replaced == NULL) {
        return;
    }
    const char *typed = dsn_typed_address(message->arena, replaced->address.raw);
    if (!header_value_is_valid(typed, strlen(typed))) {
        return;
    }
    size_t seen = 0;
    const struct header *header = NULL;
    while ((header = header_next(&message->headers, rewrite->header, header)) != NULL) {
        seen++;
    }
    struct edit *list = arena_array(message->arena, edits->count + seen + 1, sizeof *list);
    memcpy(list, edits->edits, edits->count * sizeof *list);
    edits->edits = list;
    for (; seen > 0; seen--) {
        list[edits->count++] = (struct edit){
            .kind = EDIT_DELETE_HEADER, .name = rewrite->header, .index = (int)seen};
    }
    list[edits->count++] =
        (struct edit){.kind = EDIT_ADD_HEADER, .name = rewrite->header, .value = typed};
}
