/* SPDX-License-Identifier: MIT */
#include "command/resolve_way.h"

#include "base/text.h"
#include "directory/search.h"
#include "directory/slots.h"
#include "mail/key_set.h"

#include <stddef.h>

/* An expansion that stopped at address. */
struct stop {
    const char *address; /* internal; NULL: it came through */
    const struct slot_origin *origin;
};

/* The first step of the search that a table answers, or NOT_FOUND. */
static struct answer look_up(struct search *search, const struct directory *directory,
                             struct arena *arena)
{
    const struct question *question;
    while ((question = search_question(search)) != NULL) {
        struct answer answer = directory_answer(directory, question, arena);
        if (answer.kind != ANSWER_NOT_FOUND) {
            return answer;
        }
        search_advance(search);
    }
    return (struct answer){.kind = ANSWER_NOT_FOUND};
}

static struct stop expand(struct arena *arena, const char *start,
                          const struct directory *directory)
{
    const struct directory_settings *settings = snapshot_settings(directory->snapshot);
    struct slots slots = {.arena = arena, .settings = settings};
    struct search search = {.arena = arena};
    const char *internal;
    slots_begin(&slots, start, NULL);
    while ((internal = slots_next(&slots)) != NULL) {
        const struct slot_origin *origin = slots.items[slots.current].origin;
        search_begin(&search, SEARCH_ALIASES, internal, settings);
        struct answer answer = look_up(&search, directory, arena);
        if (answer.kind == ANSWER_FAILED) {
            return (struct stop){internal, origin};
        }
        if (answer.kind == ANSWER_NOT_FOUND) {
            slots_settle(&slots);
            continue;
        }
        slots_replace(&slots, &search, &answer);
        if (slots.fault != FAULT_NONE && slots.items[slots.current].origin == origin) {
            /* The alias itself is at fault. */
            return (struct stop){internal,
                                 slot_origin_new(arena, origin, internal,
                                                 search_step(&search)->match, &answer)};
        }
    }
    if (slots.fault == FAULT_NONE) {
        return (struct stop){NULL, NULL};
    }
    const struct slot *slot = &slots.items[slots.current];
    return (struct stop){slot->internal, slot->origin};
}

static struct resolve_way make_way(struct arena *arena, const struct stop *stop)
{
    const struct slot_origin *origin = stop->origin;
    size_t count = origin != NULL ? origin->depth : 0;
    struct via_step *steps = arena_array(arena, count, sizeof *steps);
    for (size_t i = count; origin != NULL; origin = origin->previous) {
        steps[--i] = (struct via_step){.address = address_quote(arena, origin->internal),
                                       .match = origin->match,
                                       .line = origin->line,
                                       .source = origin->source};
    }
    return (struct resolve_way){
        .steps = steps, .count = count, .end = address_quote(arena, stop->address)};
}

/* A circle was followed round and round: once is enough. */
static void cut_circle(struct arena *arena, struct resolve_way *way)
{
    struct key_set *seen = key_set_new(arena);
    size_t count = 0;
    while (count < way->count && key_set_add(seen, way->steps[count].address)) {
        count++;
    }
    if (count < way->count) {
        way->end = way->steps[count].address;
        way->count = count;
    }
    way->is_circle = key_set_has(seen, way->end);
}

struct resolve_way resolve_way_find(struct arena *arena, const struct address *asked,
                                    const struct expansion *expansion,
                                    const struct directory *directory)
{
    bool is_loop = expansion->fault == FAULT_LOOP;
    struct stop stop = expand(arena, asked->internal, directory);
    if (stop.address == NULL && is_loop) {
        const struct address_rules *rules = &snapshot_settings(directory->snapshot)->rules;
        stop = expand(arena, address_complete(arena, expansion->fault_address, rules),
                      directory);
    }
    if (stop.address == NULL ||
        !text_equal_folded(address_quote(arena, stop.address), expansion->fault_address)) {
        return (struct resolve_way){.end = NULL};
    }
    struct resolve_way way = make_way(arena, &stop);
    if (is_loop) {
        cut_circle(arena, &way);
    }
    return way;
}
