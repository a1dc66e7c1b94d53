/* SPDX-License-Identifier: MIT */
#include "directory/slots.h"

#include "base/text.h"
#include "mail/address_list.h"

#include <string.h>

static void set_fault(struct slots *slots, enum expansion_fault fault, const char *reason)
{
    slots->fault = fault;
    slots->fault_reason = reason;
}

static void append(struct slots *slots, const char *internal,
                   const struct slot_origin *origin)
{
    slots->items = arena_grow(slots->arena, slots->items, slots->count, &slots->size,
                              sizeof *slots->items);
    slots->items[slots->count++] = (struct slot){.internal = internal, .origin = origin};
}

void slots_begin(struct slots *slots, const char *internal,
                 const struct slot_origin *origin)
{
    slots->count = slots->double_count = slots->settled_count = 0;
    slots->settled = NULL;
    slots->current = slots->depth = 0;
    slots->mark = NULL;
    append(slots, internal, origin);
}

struct slot_origin *slot_origin_new(struct arena *arena, const struct slot_origin *previous,
                                    const char *internal, enum match_kind match,
                                    const struct answer *answer)
{
    struct slot_origin *origin = arena_alloc(arena, sizeof *origin);
    *origin = (struct slot_origin){.previous = previous,
                                   .internal = internal,
                                   .match = match,
                                   .line = answer->line,
                                   .source = answer->source,
                                   .depth = previous != NULL ? previous->depth + 1 : 1};
    return origin;
}

const struct via_step *slot_origin_path(struct arena *arena,
                                        const struct slot_origin *origin)
{
    size_t i = origin != NULL ? origin->depth : 0;
    struct via_step *path = arena_array(arena, i, sizeof *path);
    for (; origin != NULL; origin = origin->previous) {
        path[--i] = (struct via_step){.address = address_quote(arena, origin->internal),
                                      .match = origin->match,
                                      .line = origin->line,
                                      .source = origin->source};
    }
    return path;
}

static bool is_settled(const struct slots *slots, const char *internal)
{
    return slots->settled != NULL && key_set_has(slots->settled, internal);
}

void slots_settle(struct slots *slots)
{
    slots->current++;
    slots->depth = 0;
    slots->mark = NULL;
}

/* A slot that holds the same address again, with nothing new settled, will do so for ever
 * (Brent's way to find a cycle). Postfix counts to its limit, with the same end. */
static bool goes_round(struct slots *slots, const char *internal)
{
    if (slots->mark != NULL && slots->mark_settled == slots->settled_count &&
        strcmp(slots->mark, internal) == 0) {
        return true;
    }
    if (slots->mark == NULL || slots->depth >= 2 * slots->mark_depth) {
        slots->mark = internal;
        slots->mark_depth = slots->depth > 0 ? slots->depth : 1;
        slots->mark_settled = slots->settled_count;
    }
    return false;
}

const char *slots_next(struct slots *slots)
{
    while (slots->fault == FAULT_NONE && slots->current < slots->count) {
        const char *internal = slots->items[slots->current].internal;
        if (is_settled(slots, internal)) {
            slots_settle(slots);
            continue;
        }
        if (slots->depth >= SLOT_DEPTH_MAX || goes_round(slots, internal)) {
            set_fault(slots, FAULT_LOOP,
                      "aliases lead round in a circle, or through more than 1000 steps");
        } else if (slots->replacements >= SLOT_REPLACEMENTS_MAX) {
            set_fault(slots, FAULT_DEPTH, "aliases take more than 20000 steps altogether");
        } else {
            return internal;
        }
    }
    return NULL;
}

/* `@domain` as the value: the local-part goes over to the other domain, its detail not,
 * since that is added to every target. */
static const char *move_to_domain(struct arena *arena, const struct search *search,
                                  const char *value)
{
    size_t length =
        search_step(search)->without_detail ? search->base_length : search->local_length;
    const char *internal =
        arena_format(arena, "%.*s%s", (int)length, search->internal, value);
    return address_quote(arena, internal);
}

/* One target: completed, and with the detail before its last `@`. Without scratch memory it
 * is complete as it stands. */
static const char *make_target(struct slots *slots, struct arena *scratch,
                               const char *external, const char *detail,
                               size_t detail_length)
{
    const char *internal =
        scratch == NULL ? external
                        : address_complete(scratch, external, &slots->settings->rules);
    const char *at = strrchr(internal, '@');
    size_t length = strlen(internal);
    size_t local_length = at != NULL ? (size_t)(at - internal) : length;
    if (length + detail_length > SLOT_ADDRESS_BYTES_MAX) {
        return NULL;
    }
    char *target = arena_alloc(slots->arena, length + detail_length + 1);
    memcpy(target, internal, local_length);
    memcpy(target + local_length, detail, detail_length);
    memcpy(target + local_length + detail_length, internal + local_length,
           length - local_length); /* the arena's memory ends in NULs */
    return target;
}

static void settle_address(struct slots *slots, const char *internal)
{
    if (slots->settled == NULL) {
        slots->settled = key_set_new(slots->arena);
    }
    key_set_add(slots->settled, internal);
    slots->settled_count++;
}

static void take_targets(struct slots *slots, struct arena *scratch,
                         const struct search *search, const struct address_list *list,
                         const struct answer *answer)
{
    const char *replaced = slots->items[slots->current].internal;
    struct slot_origin *origin =
        slot_origin_new(slots->arena, slots->items[slots->current].origin, replaced,
                        search_step(search)->match, answer);
    bool carries = search_step(search)->without_detail;
    const char *detail = carries ? search->internal + search->base_length : "";
    size_t detail_length = carries ? search->local_length - search->base_length : 0;
    bool is_own_target = false;
    for (size_t i = 0; i < list->count; i++) {
        const char *target =
            make_target(slots, scratch, list->entries[i].external, detail, detail_length);
        if (target == NULL) {
            set_fault(slots, FAULT_SIZE, "a target is longer than 1000 bytes");
            return;
        }
        is_own_target = is_own_target || text_equal_folded(target, replaced);
        origin->several =
            origin->several ||
            (i > 0 && !text_equal_folded(target, slots->items[slots->current].internal));
        if (i == 0) {
            slots->items[slots->current] =
                (struct slot){.internal = target, .origin = origin};
        } else if (slots->count < SLOT_COUNT_MAX) {
            append(slots, target, origin);
        } else {
            /* There will be a slot to begin with too many in the list. */
            set_fault(slots, FAULT_SIZE, "aliases lead to more than 1000 addresses");
            return;
        }
    }
    if (is_own_target) {
        settle_address(slots, replaced);
    }
    slots->depth++;
    slots->replacements++;
}

void slots_replace(struct slots *slots, const struct search *search,
                   const struct answer *answer)
{
    const char *value = answer->value;
    if (strlen(value) > SLOT_VALUE_BYTES_MAX) {
        set_fault(slots, FAULT_SIZE, "the targets of an alias are longer than 1 MiB");
        return;
    }
    if (address_is_plain(value)) {
        struct listed_address target = {.internal = value, .external = value};
        const struct address_list one = {.entries = &target, .count = 1};
        take_targets(slots, NULL, search, &one, answer);
        return;
    }
    struct arena *scratch = arena_new();
    struct address_list list = {0};
    const char *text = value[0] == '@' ? move_to_domain(scratch, search, value) : value;
    if (value[0] == '\0') {
        set_fault(slots, FAULT_TABLE, "a table gives an empty result");
    } else if (address_list_parse_plain(scratch, text, &list)) {
        take_targets(slots, NULL, search, &list, answer);
    } else {
        /* `<>` alone means nobody, which is an address to Postfix. */
        address_list_parse_value(scratch, strcmp(text, "<>") == 0 ? "\"\"" : text, &list);
        if (list.count == 0) {
            set_fault(slots, FAULT_TABLE, "a table gives a result without an address");
        } else {
            take_targets(slots, scratch, search, &list, answer);
        }
    }
    arena_free(&scratch);
}

void slots_unique(struct slots *slots)
{
    if (slots->count < 2) {
        return;
    }
    struct arena *scratch = arena_new();
    struct key_set *seen = key_set_new(scratch);
    slots->doubles = arena_array(slots->arena, slots->count, sizeof *slots->doubles);
    size_t kept = 0;
    for (size_t i = 0; i < slots->count; i++) {
        if (key_set_add(seen, slots->items[i].internal)) {
            slots->items[kept++] = slots->items[i];
        } else {
            slots->doubles[slots->double_count++] = slots->items[i];
        }
    }
    slots->count = kept;
    arena_free(&scratch);
}
