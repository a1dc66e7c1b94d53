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
    return &list->entries[list->count++];
}
