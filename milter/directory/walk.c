/* SPDX-License-Identifier: MIT */
#include "directory/walk.h"

#include <string.h>

/* What the resolver gets through is never too much here. */
enum { TARGETS_MAX = SLOT_REPLACEMENTS_MAX + SLOT_COUNT_MAX };

static void add(struct walk *walk, const char *internal, const struct slot_origin *origin)
{
    if (!key_set_add(walk->seen, internal)) {
        return;
    }
    walk->places = arena_grow(walk->arena, walk->places, walk->count, &walk->size,
                              sizeof *walk->places);
    walk->places[walk->count++] =
        (struct walk_place){.internal = internal, .origin = origin};
}

void walk_begin(struct walk *walk, const char *internal)
{
    walk->seen = key_set_new(walk->arena);
    walk->search.arena = walk->slots.arena = walk->arena;
    walk->slots.settings = snapshot_settings(walk->snapshot);
    add(walk, internal, NULL);
}

static unsigned step_traits(const struct slot_origin *origin)
{
    unsigned traits = origin->several ? WALK_GROUP : 0;
    switch (origin->match) {
    case MATCH_CATCH_ALL:
        traits |= WALK_CATCH_ALL;
        break;
    case MATCH_PATTERN:
        traits |= WALK_REGEXP;
        break;
    case MATCH_BASE:
        traits |= origin->previous == NULL ? WALK_SUBADDRESS : 0;
        break;
    case MATCH_EXACT:
    case MATCH_BARE:
    case MATCH_LOCAL:
        break;
    }
    return traits | (origin->previous != NULL ? WALK_NESTED : 0);
}

unsigned walk_traits(const struct slot_origin *origin)
{
    unsigned traits = 0;
    for (; origin != NULL; origin = origin->previous) {
        traits |= step_traits(origin);
    }
    return traits;
}

struct answer walk_look_up(struct walk *walk, enum search_keys keys, const char *internal)
{
    struct answer answer = {.kind = ANSWER_NOT_FOUND};
    const struct question *question;
    search_begin(&walk->search, keys, internal, walk->slots.settings);
    while ((question = search_question(&walk->search)) != NULL) {
        answer = snapshot_answer(walk->snapshot, question, walk->arena);
        if (answer.kind != ANSWER_NOT_FOUND) {
            break;
        }
        search_advance(&walk->search);
    }
    return answer;
}

static void fail(struct walk *walk, const char *reason)
{
    if (walk->failure == NULL) {
        walk->failure = arena_copy(walk->arena, reason);
    }
}

/* Takes what stands in the slots over. */
static void follow(struct walk *walk, struct walk_place *place)
{
    const struct slots *slots = &walk->slots;
    const struct slot_origin *origin = slots->items[0].origin;
    place->is_end = slots->settled_count > 0; /* it is among its own targets */
    walk->target_count += slots->count;
    if ((step_traits(origin) & ~walk->allowed) != 0) {
        walk->skipped = true;
        return;
    }
    for (size_t i = 0; i < slots->count; i++) {
        add(walk, slots->items[i].internal, slots->items[i].origin);
    }
}

static void look_up(struct walk *walk, struct walk_place *place)
{
    bool is_last = place->origin != NULL && (walk->allowed & WALK_NESTED) == 0;
    if (is_last && address_is_plain(place->internal)) {
        walk->skipped = true; /* if there is a way on */
        return;
    }
    struct answer answer = walk_look_up(walk, SEARCH_ALIASES, place->internal);
    if (answer.kind == ANSWER_NOT_FOUND) {
        place->is_end = true;
    } else if (answer.kind == ANSWER_FAILED) {
        fail(walk, answer.reason);
    } else if (walk->target_count > TARGETS_MAX) {
        fail(walk, "aliases take more than 20000 steps altogether");
        walk->looked_up = walk->count;
    } else {
        slots_begin(&walk->slots, place->internal, place->origin);
        slots_replace(&walk->slots, &walk->search, &answer);
        if (walk->slots.fault != FAULT_NONE) {
            fail(walk, walk->slots.fault_reason);
            walk->slots.fault = FAULT_NONE;
        } else {
            follow(walk, place);
        }
    }
}

bool walk_on(struct walk *walk)
{
    if (walk->looked_up == walk->count) {
        return false;
    }
    look_up(walk, &walk->places[walk->looked_up++]);
    return true;
}
