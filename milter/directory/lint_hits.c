/* SPDX-License-Identifier: MIT */
/* One finding for all addresses that the same line does the same to. */
#include "directory/lint_parts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 3 };

void lint_hits_add(struct lint_hits *hits, int line, const char *key)
{
    if (hits->count == hits->size) {
        hits->size = hits->size > 0 ? hits->size * 2 : 64;
        hits->entries = reallocarray(hits->entries, hits->size, sizeof *hits->entries);
        if (hits->entries == NULL) {
            abort();
        }
    }
    hits->entries[hits->count++] = (struct lint_hit){line, key};
}

/* Keys of one table lie in the order of its file. */
static int compare(const void *left, const void *right)
{
    const struct lint_hit *a = left;
    const struct lint_hit *b = right;
    uintptr_t a_key = (uintptr_t)a->key;
    uintptr_t b_key = (uintptr_t)b->key;
    return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
                              : (a_key > b_key) - (a_key < b_key);
}

bool lint_hits_next(struct lint_hits *hits, size_t *cursor, struct lint_group *group)
{
    if (*cursor == 0 && hits->count > 0) {
        qsort(hits->entries, hits->count, sizeof *hits->entries, compare);
    }
    if (*cursor == hits->count) {
        return false;
    }
    const struct lint_hit *first = &hits->entries[*cursor];
    *group = (struct lint_group){.line = first->line};
    size_t used = 0;
    while (*cursor < hits->count && hits->entries[*cursor].line == group->line) {
        if (group->count < NAMES_SHOWN) {
            used += (size_t)snprintf(group->names + used, sizeof group->names - used,
                                     "%s%.100s", group->count > 0 ? ", " : "",
                                     hits->entries[*cursor].key);
        }
        group->count++;
        ++*cursor;
    }
    if (group->count > NAMES_SHOWN) {
        snprintf(group->names + used, sizeof group->names - used, " and %zu more",
                 group->count - NAMES_SHOWN);
    }
    return true;
}

void lint_hits_free(struct lint_hits *hits)
{
    free(hits->entries);
    *hits = (struct lint_hits){0};
}
