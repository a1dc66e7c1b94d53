/* SPDX-License-Identifier: MIT */
#include "directory/outcome.h"

#include "base/text.h"
#include "mail/key_set.h"

#include <string.h>

static size_t count_steps(const struct slot_origin *origin)
{
    return origin != NULL ? origin->depth : 0;
}

/* Members of one list share the path to it. */
static const struct via_step *copy_path(struct outcome *outcome,
                                        const struct slot_origin *origin, size_t *count)
{
    *count = count_steps(origin);
    if (origin == outcome->known_origin) {
        return outcome->known_path;
    }
    outcome->known_origin = origin;
    outcome->known_path = slot_origin_path(outcome->arena, origin);
    return outcome->known_path;
}

void outcome_add(struct outcome *outcome, const struct ending *ending)
{
    if (ending->origin != outcome->counted_origin) {
        outcome->counted_origin = ending->origin;
        outcome->steps += count_steps(ending->origin);
    }
    outcome->endings = arena_grow(outcome->arena, outcome->endings, outcome->count,
                                  &outcome->size, sizeof *outcome->endings);
    outcome->endings[outcome->count++] = *ending;
}

static void add_double(struct outcome *outcome, const char *internal,
                       const struct slot_origin *origin)
{
    outcome->doubles = arena_grow(outcome->arena, outcome->doubles, outcome->double_count,
                                  &outcome->double_size, sizeof *outcome->doubles);
    struct expanded_recipient *entry = &outcome->doubles[outcome->double_count++];
    *entry =
        (struct expanded_recipient){.address = address_quote(outcome->arena, internal)};
    entry->via = copy_path(outcome, origin, &entry->via_count);
}

void outcome_add_doubles(struct outcome *outcome, const struct slots *slots)
{
    for (size_t i = 0; i < slots->double_count; i++) {
        const struct slot_origin *origin = slots->doubles[i].origin;
        bool is_counted = i > 0 && origin == slots->doubles[i - 1].origin;
        outcome->steps += is_counted ? 0 : count_steps(origin);
    }
    for (size_t i = 0; i < slots->double_count && outcome->steps <= OUTCOME_STEPS_MAX;
         i++) {
        add_double(outcome, slots->doubles[i].internal, slots->doubles[i].origin);
    }
}

/* More than anybody reads. */
enum { NOTE_BYTES = 1000 };

static bool has_note(const char *notes, const char *note)
{
    size_t length = strlen(note);
    const char *at = strstr(notes, note);
    while (at != NULL &&
           ((at[length] != '\0' && at[length] != ',') || (at > notes && at[-1] != ' '))) {
        at = strstr(at + 1, note);
    }
    return at != NULL;
}

/* An address that is reached again. An alias of the host may name several files and
 * commands: one recipient has them all. */
static void join(struct arena *arena, struct expanded_recipient *recipients, size_t count,
                 const struct ending *ending)
{
    if (ending->class != CLASS_LOCAL) {
        return; /* elsewhere the class follows from the address */
    }
    const char *address = address_quote(arena, ending->internal);
    size_t i = 0;
    while (i < count && !text_equal_folded(recipients[i].address, address)) {
        i++;
    }
    if (i < count && recipients[i].class == CLASS_UNKNOWN) {
        recipients[i].class = ending->class; /* one of its ways is no dead end */
        recipients[i].note = ending->note;
    } else if (i < count && ending->note != NULL && recipients[i].note != NULL &&
               strlen(recipients[i].note) < NOTE_BYTES &&
               !has_note(recipients[i].note, ending->note)) {
        recipients[i].note =
            arena_format(arena, "%s, %s", recipients[i].note, ending->note);
    }
}

void outcome_end(struct outcome *outcome, struct expansion *expansion)
{
    struct arena *arena = outcome->arena;
    struct expanded_recipient *recipients =
        arena_array(arena, outcome->count, sizeof *recipients);
    struct key_set *seen = outcome->count > 1 ? key_set_new(arena) : NULL;
    size_t count = 0;
    for (size_t i = 0; i < outcome->count; i++) {
        const struct ending *ending = &outcome->endings[i];
        if (seen != NULL && !key_set_add(seen, ending->internal)) {
            add_double(outcome, ending->internal, ending->origin);
            join(arena, recipients, count, ending);
            continue;
        }
        struct expanded_recipient *recipient = &recipients[count++];
        *recipient = (struct expanded_recipient){
            .address = address_quote(arena, ending->internal),
            .class = ending->class,
            .mailbox = ending->mailbox,
            .source = ending->source,
            .limit = ending->limit,
            .note = ending->note,
        };
        recipient->via = copy_path(outcome, ending->origin, &recipient->via_count);
    }
    expansion->recipients = recipients;
    expansion->recipient_count = count;
    expansion->doubles = outcome->doubles;
    expansion->double_count = outcome->double_count;
}

const char *expansion_status_name(enum expansion_status status)
{
    static const char *const names[] = {"ok", "unknown", "relay", "error"};
    return names[status];
}

const char *expansion_fault_name(enum expansion_fault fault)
{
    static const char *const names[] = {"none", "syntax", "loop", "depth", "size", "table"};
    return names[fault];
}

const char *recipient_class_name(enum recipient_class class)
{
    static const char *const names[] = {"mailbox", "external", "local", "unknown"};
    return names[class];
}

const char *match_kind_name(enum match_kind match)
{
    static const char *const names[] = {"exact", "pattern",   "base",
                                        "bare",  "catch-all", "local"};
    return names[match];
}
