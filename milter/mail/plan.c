/* SPDX-License-Identifier: MIT */
#include "mail/plan.h"

#include "base/text.h"
#include "mail/dsn.h"
#include "mail/key_set.h"

#include <stdlib.h>
#include <string.h>

/* All recipients that differ in case only are one record in the MTA's queue file:
 * its duplicate filter kept the first. They are edited together or not at all. */
struct group {
    const char *key;
    const struct recipient *first;
    bool edited; /* every member was replaced: else it stays, and is only added to */
    bool kept;   /* it wants itself: it is not deleted, only added to */
    bool fixed;  /* the MTA's name for a member cannot be told: it cannot be deleted */
    const char **wanted; /* external forms, each once */
    size_t wanted_count, wanted_size;
    struct key_set *wanted_set;
    size_t added_count; /* edits made for it */
};

struct candidate {
    struct group *group; /* NULL: added by a rule for nobody in particular */
    const char *address;
    const char **covers; /* what the MTA will make of it */
    size_t cover_count;
    size_t order;
    bool stays;  /* its group is kept: it is in the envelope already */
    bool needed; /* to be added */
};

struct builder {
    const struct plan *plan;
    struct recipient *const *recipients;
    size_t recipient_count;
    const struct plan_expander *expander;
    struct arena *arena;
    struct group *groups;
    size_t group_count;
    struct key_set *wanted; /* everything that may receive the message because of an edit */
    struct key_set *covered;  /* everything that does receive it */
    struct key_set *left_out; /* would have received it without the edits */
    struct candidate *candidates;
    size_t candidate_count;
    struct edit_list *list;
    struct error *error;
};

static bool expand(const struct builder *builder, const char *address,
                   const char ***addresses, size_t *count)
{
    if (builder->expander->expand(builder->expander->context, builder->arena, address,
                                  addresses, count)) {
        return true;
    }
    return error_set(builder->error, ERROR_RULE,
                     "what the server's own aliases make of %s cannot be told", address);
}

/* A quadratic search here would let a message with thousands of recipients
 * hold a thread: groups are found by sorting. */
static int compare_recipients(const void *left, const void *right)
{
    const struct recipient *const *a = left;
    const struct recipient *const *b = right;
    return strcmp((*a)->address.key, (*b)->address.key);
}

/* A client may name one alias in a thousand spellings: what they all want is kept once. */
static void group_add_wanted(struct arena *arena, struct group *group, const char *address)
{
    if (!key_set_add(group->wanted_set, address)) {
        return;
    }
    if (group->wanted_count == group->wanted_size) {
        group->wanted_size = group->wanted_size * 2 + 4;
        const char **wanted = arena_array(arena, group->wanted_size, sizeof *wanted);
        for (size_t i = 0; i < group->wanted_count; i++) {
            wanted[i] = group->wanted[i];
        }
        group->wanted = wanted;
    }
    group->wanted[group->wanted_count++] = address;
}

static void group_add_member(struct builder *builder, struct group *group,
                             const struct recipient *recipient)
{
    if (group->first == NULL) {
        group->first = recipient;
        group->key = recipient->address.key;
        group->edited = true;
        group->wanted_set = key_set_new(builder->arena);
    }
    group->edited = group->edited && recipient->replaced;
    group->fixed =
        group->fixed || (recipient->replaced &&
                         dsn_delete_form(builder->arena, &recipient->address) == NULL);
    for (size_t i = 0; recipient->replaced && i < recipient->replacement_count; i++) {
        group_add_wanted(builder->arena, group, recipient->replacement[i]);
    }
}

static void make_groups(struct builder *builder)
{
    struct arena *arena = builder->arena;
    struct recipient **sorted =
        arena_array(arena, builder->recipient_count + 1, sizeof(struct recipient *));
    size_t count = 0;
    for (size_t i = 0; i < builder->recipient_count; i++) {
        if (builder->recipients[i]->state == RECIPIENT_ACCEPTED) {
            sorted[count++] = builder->recipients[i];
        }
    }
    qsort(sorted, count, sizeof(struct recipient *), compare_recipients);
    builder->groups = arena_array(arena, count + 1, sizeof *builder->groups);
    for (size_t i = 0; i < count; i++) {
        struct group *last =
            builder->group_count > 0 ? &builder->groups[builder->group_count - 1] : NULL;
        if (last == NULL || strcmp(last->key, sorted[i]->address.key) != 0) {
            last = &builder->groups[builder->group_count++];
        }
        group_add_member(builder, last, sorted[i]);
    }
}

/* Who of an edited group's old recipients is not among its new ones. A group that wants
 * itself stays in the envelope; then nobody may be left out of it. */
static bool cover_edited(struct builder *builder, struct group *group)
{
    group->kept = key_set_has(group->wanted_set, group->key);
    const char **addresses = NULL;
    size_t count = 0;
    if (!expand(builder, group->first->address.external, &addresses, &count) &&
        group->kept) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (key_set_has(group->wanted_set, addresses[i])) {
            continue;
        }
        if (group->kept) {
            return error_set(
                builder->error, ERROR_RULE,
                "%s cannot keep itself and leave out %s: the server expands it again",
                group->first->address.external, addresses[i]);
        }
        if (key_set_add(builder->left_out, addresses[i])) {
            builder->list->left_out_count++;
        }
    }
    return true;
}

static bool cover_kept(struct builder *builder, const struct group *group)
{
    const char **addresses;
    size_t count;
    if (!expand(builder, group->first->address.external, &addresses, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        key_set_add(builder->covered, addresses[i]);
    }
    return true;
}

static bool cover_groups(struct builder *builder)
{
    for (size_t i = 0; i < builder->group_count; i++) {
        struct group *group = &builder->groups[i];
        for (size_t j = 0; j < group->wanted_count; j++) {
            key_set_add(builder->wanted, group->wanted[j]);
        }
        if (!(group->edited ? cover_edited(builder, group) : cover_kept(builder, group))) {
            return false;
        }
    }
    return true;
}

static bool candidate_add(struct builder *builder, struct group *group, const char *address)
{
    struct candidate *candidate = &builder->candidates[builder->candidate_count];
    *candidate = (struct candidate){
        .group = group,
        .address = address,
        .order = builder->candidate_count++,
        .stays = group != NULL && group->kept && text_equal_folded(address, group->key),
    };
    return expand(builder, address, &candidate->covers, &candidate->cover_count);
}

/* Those that cover most come first, so that they are not added behind a part of themselves.
 */
static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->cover_count != b->cover_count) {
        return a->cover_count > b->cover_count ? -1 : 1;
    }
    return a->order < b->order ? -1 : 1;
}

static bool collect_candidates(struct builder *builder)
{
    size_t total = builder->plan->added_count;
    for (size_t i = 0; i < builder->group_count; i++) {
        total += builder->groups[i].wanted_count;
    }
    builder->candidates =
        arena_array(builder->arena, total + 1, sizeof *builder->candidates);
    for (size_t i = 0; i < builder->group_count; i++) {
        struct group *group = &builder->groups[i];
        for (size_t j = 0; j < group->wanted_count; j++) {
            if (!candidate_add(builder, group, group->wanted[j])) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < builder->plan->added_count; i++) {
        key_set_add(builder->wanted, builder->plan->added[i]);
        if (!candidate_add(builder, NULL, builder->plan->added[i])) {
            return false;
        }
    }
    qsort(builder->candidates, builder->candidate_count, sizeof *builder->candidates,
          compare_candidates);
    return true;
}

static struct edit *edit_add(struct builder *builder, enum edit_kind kind)
{
    struct edit *edit = &builder->list->edits[builder->list->count++];
    edit->kind = kind;
    return edit;
}

static const char *bracketed(struct arena *arena, const char *address)
{
    return arena_format(arena, "<%s>", address);
}

static bool delete_groups(struct builder *builder)
{
    struct arena *arena = builder->arena;
    struct key_set *deleted = key_set_new(arena);
    for (size_t i = 0; i < builder->group_count; i++) {
        if (builder->groups[i].edited && !builder->groups[i].kept) {
            key_set_add(deleted, builder->groups[i].key);
        }
    }
    for (size_t i = 0; i < builder->recipient_count; i++) {
        const struct recipient *recipient = builder->recipients[i];
        if (recipient->state != RECIPIENT_ACCEPTED || !recipient->replaced ||
            !key_set_has(deleted, recipient->address.key)) {
            continue;
        }
        const char *form = dsn_delete_form(arena, &recipient->address);
        if (form == NULL) {
            return error_set(builder->error, ERROR_RULE,
                             "how the server names the recipient %s cannot be told",
                             recipient->address.external);
        }
        edit_add(builder, EDIT_DELETE_RECIPIENT)->address = bracketed(arena, form);
    }
    return true;
}

static int compare_key(const void *key, const void *group)
{
    return strcmp(key, ((const struct group *)group)->key);
}

/* Postfix takes an added record that equals a deleted one in address and ORCPT for a
 * duplicate, and loses it. */
static bool is_lost_as_duplicate(const struct builder *builder,
                                 const struct candidate *candidate, const char *orcpt)
{
    const char *key = text_fold_copy(builder->arena, candidate->address);
    const struct group *group =
        bsearch(key, builder->groups, builder->group_count, sizeof *group, compare_key);
    return group != NULL && group->edited && !group->kept && orcpt != NULL &&
           text_equal_folded(orcpt, dsn_original_recipient(builder->arena, group->first));
}

static bool all_in(const struct key_set *set, const struct candidate *candidate)
{
    bool all = true;
    for (size_t i = 0; all && i < candidate->cover_count; i++) {
        all = key_set_has(set, candidate->covers[i]);
    }
    return all;
}

static void put_all(struct key_set *set, const struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->cover_count; i++) {
        key_set_add(set, candidate->covers[i]);
    }
}

/* An address that is its own target and is behind another such, too, leaves the envelope:
 * it would get a second copy. */
static void drop_covered(struct key_set *set, struct candidate *candidate)
{
    struct group *group = candidate->group;
    group->kept = group->kept && (group->fixed || !all_in(set, candidate));
}

static bool choose_added(struct builder *builder, struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->cover_count; i++) {
        const char *address = candidate->covers[i];
        if (!key_set_has(builder->covered, address) &&
            key_set_has(builder->left_out, address) &&
            !key_set_has(builder->wanted, address)) {
            return error_set(
                builder->error, ERROR_RULE,
                "adding %s would also deliver to %s: the server expands it again",
                candidate->address, address);
        }
    }
    candidate->needed = !all_in(builder->covered, candidate);
    return true;
}

/* Who stays in the envelope, who is added, and who is then behind one that is added. */
static bool choose_candidates(struct builder *builder)
{
    struct candidate *end = builder->candidates + builder->candidate_count;
    struct key_set *added = key_set_new(builder->arena);
    for (struct candidate *one = builder->candidates; one < end; one++) {
        if (one->stays) {
            drop_covered(builder->covered, one);
            put_all(builder->covered, one);
        }
    }
    for (struct candidate *one = builder->candidates; one < end; one++) {
        if (!one->stays && !choose_added(builder, one)) {
            return false;
        }
        if (one->needed) {
            put_all(builder->covered, one);
            put_all(added, one);
        }
    }
    for (struct candidate *one = builder->candidates; one < end; one++) {
        if (one->stays) {
            drop_covered(added, one);
        }
    }
    return true;
}

static bool add_candidate(struct builder *builder, const struct candidate *candidate)
{
    struct group *group = candidate->group;
    struct arena *arena = builder->arena;
    const char *orcpt = group != NULL ? dsn_original_recipient(arena, group->first) : NULL;
    if (is_lost_as_duplicate(builder, candidate, orcpt)) {
        return error_set(builder->error, ERROR_RULE,
                         "%s is deleted and added with the same original recipient",
                         candidate->address);
    }
    const char *notify = group != NULL ? params_find(group->first->params, "NOTIFY") : NULL;
    if (notify != NULL && group->added_count++ > 0) {
        notify = dsn_notify_without_success(arena, notify);
    }
    struct edit *edit = edit_add(builder, EDIT_ADD_RECIPIENT);
    edit->address = bracketed(arena, candidate->address);
    edit->orcpt = orcpt;
    edit->notify = notify;
    return true;
}

static bool build_recipients(struct builder *builder)
{
    make_groups(builder);
    if (!cover_groups(builder) || !collect_candidates(builder)) {
        return false;
    }
    size_t deletes = builder->recipient_count;
    builder->list->edits =
        arena_array(builder->arena,
                    deletes + builder->candidate_count + builder->plan->header_count + 1,
                    sizeof *builder->list->edits);
    if (!choose_candidates(builder) || !delete_groups(builder)) {
        return false;
    }
    size_t deleted = builder->list->count;
    for (size_t i = 0; i < builder->candidate_count; i++) {
        if (builder->candidates[i].needed &&
            !add_candidate(builder, &builder->candidates[i])) {
            return false;
        }
    }
    bool stays = builder->list->count > deleted;
    for (size_t i = 0; i < builder->group_count && !stays; i++) {
        stays = !builder->groups[i].edited || builder->groups[i].kept;
    }
    return stays || error_set(builder->error, ERROR_RULE, "the plan leaves no recipient");
}

static bool edits_recipients(const struct builder *builder)
{
    bool edits = builder->plan->added_count > 0;
    for (size_t i = 0; i < builder->recipient_count; i++) {
        const struct recipient *recipient = builder->recipients[i];
        edits = edits || (recipient->state == RECIPIENT_ACCEPTED && recipient->replaced);
    }
    return edits;
}

bool plan_build(const struct plan *plan, struct recipient *const *recipients, size_t count,
                const struct plan_expander *expander, struct arena *arena,
                struct edit_list *list, struct error *error)
{
    *list = (struct edit_list){0};
    struct builder builder = {
        .plan = plan,
        .recipients = recipients,
        .recipient_count = count,
        .expander = expander,
        .arena = arena,
        .wanted = key_set_new(arena),
        .covered = key_set_new(arena),
        .left_out = key_set_new(arena),
        .list = list,
        .error = error,
    };
    if (edits_recipients(&builder)) {
        if (!build_recipients(&builder)) {
            *list = (struct edit_list){0};
            return false;
        }
    } else {
        list->edits = arena_array(arena, plan->header_count + 1, sizeof *list->edits);
    }
    if (plan->sender != NULL) {
        edit_add(&builder, EDIT_SET_SENDER)->address = bracketed(arena, plan->sender);
    }
    for (size_t i = 0; i < plan->header_count; i++) {
        list->edits[list->count++] = plan->headers[i];
    }
    return true;
}
