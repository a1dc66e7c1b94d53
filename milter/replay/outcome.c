/* SPDX-License-Identifier: MIT */
#include "replay/outcome.h"

#include <stdbool.h>
#include <string.h>

struct comparison {
    struct arena *arena;
    struct difference *differences;
    size_t count, size;
};

static void add(struct comparison *comparison, const struct difference *difference)
{
    comparison->differences =
        arena_grow(comparison->arena, comparison->differences, comparison->count,
                   &comparison->size, sizeof *comparison->differences);
    comparison->differences[comparison->count++] = *difference;
}

static bool texts_equal(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static bool verdicts_equal(const struct verdict *left, const struct verdict *right)
{
    if (left == NULL || right == NULL) {
        return left == right;
    }
    return left->kind == right->kind && left->code == right->code &&
           texts_equal(left->xcode, right->xcode) && texts_equal(left->text, right->text);
}

/* The nth verdict that was not carried out. */
static const struct verdict *find_would(const struct record_event *event, size_t nth)
{
    for (size_t i = 0; i < event->decision_count; i++) {
        const struct decision *decision = &event->decisions[i];
        bool is_would = decision->shadow && decision->verdict.kind != VERDICT_CONTINUE &&
                        decision->verdict.kind != VERDICT_SKIP;
        if (is_would && nth-- == 0) {
            return &decision->verdict;
        }
    }
    return NULL;
}

static void compare_event(struct comparison *comparison, const struct record_event *old,
                          const struct record_event *new)
{
    if (!verdicts_equal(&old->verdict, &new->verdict)) {
        add(comparison, &(struct difference){.kind = DIFFERENCE_VERDICT,
                                             .event = old,
                                             .old = &old->verdict,
                                             .new = &new->verdict});
    }
    for (size_t i = 0;; i++) {
        const struct verdict *before = find_would(old, i);
        const struct verdict *after = find_would(new, i);
        if (before == NULL && after == NULL) {
            return;
        }
        if (!verdicts_equal(before, after)) {
            add(comparison,
                &(struct difference){
                    .kind = DIFFERENCE_WOULD, .event = old, .old = before, .new = after});
        }
    }
}

static bool edits_equal(const struct edit_list *left, const struct edit_list *right)
{
    bool equal = left->count == right->count;
    for (size_t i = 0; equal && i < left->count; i++) {
        const struct edit *a = &left->edits[i];
        const struct edit *b = &right->edits[i];
        equal = a->kind == b->kind && a->index == b->index &&
                texts_equal(a->address, b->address) && texts_equal(a->orcpt, b->orcpt) &&
                texts_equal(a->notify, b->notify) && texts_equal(a->name, b->name) &&
                texts_equal(a->value, b->value);
    }
    return equal;
}

size_t outcome_compare(struct arena *arena, const struct record *old,
                       const struct record *new, struct difference **differences)
{
    struct comparison comparison = {.arena = arena};
    /* Both have the events of one record, from the first on; where one ends earlier, its
     * last verdict is why. */
    size_t count =
        old->event_count < new->event_count ? old->event_count : new->event_count;
    for (size_t i = 0; i < count; i++) {
        compare_event(&comparison, &old->events[i], &new->events[i]);
    }
    if (!edits_equal(&old->edits, &new->edits)) {
        add(&comparison, &(struct difference){.kind = DIFFERENCE_PLAN});
    }
    *differences = comparison.differences;
    return comparison.count;
}
