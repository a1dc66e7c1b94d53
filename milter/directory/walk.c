/* SPDX-License-Identifier: MIT */
#include "directory/walk.h"

#include "base/text.h"

#include <string.h>

/* What the resolver gets through is never too much here. */
enum { TARGETS_MAX = SLOT_REPLACEMENTS_MAX + SLOT_COUNT_MAX };

/* Addresses without regard to case. Each is also looked for among the aliases, so its hash
 * is that of their table. */
static uint32_t hash_folded(const char *internal)
{
    char key[ADDRESS_BYTES_MAX];
    size_t length = 0;
    for (; internal[length] != '\0' && length < sizeof key; length++) {
        key[length] = text_fold_char(internal[length]);
    }
    return snapshot_hash(key, length);
}

static uint32_t *find_seen(const struct walk *walk, const char *internal, uint32_t hash)
{
    size_t i = hash & (walk->seen_size - 1);
    for (; walk->seen[i] != 0; i = (i + 1) & (walk->seen_size - 1)) {
        const struct walk_place *place = &walk->places[walk->seen[i] - 1];
        if (place->hash == hash && text_equal_folded(place->internal, internal)) {
            break;
        }
    }
    return &walk->seen[i];
}

static void grow_seen(struct walk *walk)
{
    walk->seen_size = walk->seen_size > 0 ? 4 * walk->seen_size : 64;
    walk->seen = arena_array(walk->arena, walk->seen_size, sizeof *walk->seen);
    for (size_t i = 0; i < walk->count; i++) {
        size_t slot = walk->places[i].hash & (walk->seen_size - 1);
        while (walk->seen[slot] != 0) {
            slot = (slot + 1) & (walk->seen_size - 1);
        }
        walk->seen[slot] = (uint32_t)i + 1;
    }
}

static void add(struct walk *walk, const char *internal, const struct slot_origin *origin)
{
    uint32_t hash = hash_folded(internal);
    if (2 * walk->count >= walk->seen_size) {
        grow_seen(walk);
    }
    uint32_t *seen = find_seen(walk, internal, hash);
    if (*seen != 0) {
        return;
    }
    snapshot_expect_alias(walk->directory->snapshot, hash);
    walk->places = arena_grow(walk->arena, walk->places, walk->count, &walk->size,
                              sizeof *walk->places);
    walk->places[walk->count++] =
        (struct walk_place){.internal = internal, .origin = origin, .hash = hash};
    *seen = (uint32_t)walk->count;
}

void walk_begin(struct walk *walk, const char *internal)
{
    walk->search.arena = walk->slots.arena = walk->arena;
    walk->slots.settings = snapshot_settings(walk->directory->snapshot);
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

/* A plain address is its own first key. */
static struct answer find_alias(const struct walk *walk, const struct question *question,
                                uint32_t hash)
{
    const struct search_step *step = search_step(&walk->search);
    bool is_whole =
        walk->search.plain && step->form == FORM_ADDRESS && !step->without_detail;
    return snapshot_find_alias(
        walk->directory->snapshot, question->key,
        is_whole ? hash : snapshot_hash(question->key, strlen(question->key)));
}

/* hash: of the address, where aliases are looked for. */
static struct answer ask(struct walk *walk, enum search_keys keys, const char *internal,
                         uint32_t hash)
{
    struct answer answer = {.kind = ANSWER_NOT_FOUND};
    const struct question *question;
    search_begin(&walk->search, keys, internal, walk->slots.settings);
    while ((question = search_question(&walk->search)) != NULL) {
        answer = question->kind == QUESTION_TABLE && !directory_waits(walk->directory)
                     ? find_alias(walk, question, hash)
                     : directory_answer(walk->directory, question, walk->arena);
        if (answer.kind != ANSWER_NOT_FOUND) {
            break;
        }
        search_advance(&walk->search);
    }
    return answer;
}

struct answer walk_look_up(struct walk *walk, enum search_keys keys, const char *internal)
{
    return ask(walk, keys, internal, 0);
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
    struct answer answer = ask(walk, SEARCH_ALIASES, place->internal, place->hash);
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
