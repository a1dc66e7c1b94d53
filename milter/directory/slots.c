/* SPDX-License-Identifier: MIT */
#include "directory/slots.h"

#include "base/text.h"
#include "directory/table.h"
#include "mail/address_list.h"

#include <string.h>

static void set_fault(struct slots *slots, enum expansion_fault fault, const char *reason)
{
    slots->fault = fault;
    slots->fault_reason = reason;
}

static void *grown(struct arena *arena, void *items, size_t count, size_t *size,
                   size_t item_size)
{
    if (count < *size) {
        return items;
    }
    *size = *size > 0 ? *size * 2 : 4;
    void *larger = arena_array(arena, *size, item_size);
    if (count > 0) {
        memcpy(larger, items, count * item_size);
    }
    return larger;
}

static void append(struct slots *slots, const char *internal,
                   const struct slot_origin *origin)
{
    slots->items =
        grown(slots->arena, slots->items, slots->count, &slots->size, sizeof *slots->items);
    slots->items[slots->count++] = (struct slot){.internal = internal, .origin = origin};
}

void slots_begin(struct slots *slots, const char *internal)
{
    append(slots, internal, NULL);
}

static bool is_settled(const struct slots *slots, const char *internal)
{
    for (size_t i = 0; i < slots->settled_count; i++) {
        if (text_equal_folded(slots->settled[i], internal)) {
            return true;
        }
    }
    return false;
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

/* One target: completed, and with the detail before its last `@`. */
static const char *make_target(struct slots *slots, struct arena *scratch,
                               const char *external, const char *detail,
                               size_t detail_length)
{
    const char *internal = address_complete(scratch, external, &slots->settings->rules);
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
    slots->settled = grown(slots->arena, slots->settled, slots->settled_count,
                           &slots->settled_size, sizeof *slots->settled);
    slots->settled[slots->settled_count++] = internal;
}

static void take_targets(struct slots *slots, struct arena *scratch,
                         const struct search *search, const struct address_list *list)
{
    const char *replaced = slots->items[slots->current].internal;
    struct slot_origin *origin = arena_alloc(slots->arena, sizeof *origin);
    origin->previous = slots->items[slots->current].origin;
    origin->depth = origin->previous != NULL ? origin->previous->depth + 1 : 1;
    origin->external = address_quote(slots->arena, replaced);
    origin->match = search_step(search)->match;
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

void slots_replace(struct slots *slots, const struct search *search, const char *value)
{
    if (strlen(value) > SLOT_VALUE_BYTES_MAX) {
        set_fault(slots, FAULT_SIZE, "the targets of an alias are longer than 1 MiB");
        return;
    }
    struct arena *scratch = arena_new();
    struct address_list list = {0};
    const char *text = value[0] == '@' ? move_to_domain(scratch, search, value) : value;
    if (value[0] == '\0') {
        set_fault(slots, FAULT_TABLE, "a table gives an empty result");
    } else {
        /* `<>` alone means nobody, which is an address to Postfix. */
        address_list_parse_value(scratch, strcmp(text, "<>") == 0 ? "\"\"" : text, &list);
        if (list.count == 0) {
            set_fault(slots, FAULT_TABLE, "a table gives a result without an address");
        } else {
            take_targets(slots, scratch, search, &list);
        }
    }
    arena_free(&scratch);
}

void slots_unique(struct slots *slots)
{
    struct arena *scratch = arena_new();
    struct table seen = {0};
    for (size_t i = 0; i < slots->count; i++) {
        table_add(scratch, &seen, arena_copy(scratch, slots->items[i].internal), "",
                  (int)i);
    }
    table_sort(&seen);
    bool *is_double = arena_array(scratch, slots->count, sizeof *is_double);
    for (size_t i = 1; i < seen.count; i++) {
        is_double[seen.entries[i].line] =
            strcmp(seen.entries[i].key, seen.entries[i - 1].key) == 0;
    }
    slots->doubles = arena_array(slots->arena, slots->count, sizeof *slots->doubles);
    size_t kept = 0;
    for (size_t i = 0; i < slots->count; i++) {
        if (is_double[i]) {
            slots->doubles[slots->double_count++] = slots->items[i];
        } else {
            slots->items[kept++] = slots->items[i];
        }
    }
    slots->count = kept;
    arena_free(&scratch);
}
