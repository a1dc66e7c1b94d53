/* SPDX-License-Identifier: MIT */
#include "mail/decision.h"

#include <string.h>

struct decision *decision_add(struct decision_list *list, struct arena *arena)
{
    if (list->count == list->size) {
        size_t size = list->size > 0 ? list->size * 2 : 8;
        struct decision *entries = arena_array(arena, size, sizeof *entries);
        if (list->count > 0) {
            memcpy(entries, list->entries, list->count * sizeof *entries);
        }
        list->entries = entries;
        list->size = size;
    }
    struct decision *decision = &list->entries[list->count++];
    *decision = (struct decision){.notes = list->notes, .note_count = list->note_count};
    list->notes = NULL;
    list->note_count = list->note_size = 0;
    return decision;
}

void decision_note(struct decision_list *list, struct arena *arena, const char *text)
{
    list->notes = arena_grow(arena, list->notes, list->note_count, &list->note_size,
                             sizeof *list->notes);
    list->notes[list->note_count++] = text;
}
