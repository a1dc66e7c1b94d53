/* SPDX-License-Identifier: MIT */
#include "mail/key_set.h"

#include "base/text.h"

#include <stdint.h>

/* Open addressing, a power of two, at most half full. */
struct key_set {
    struct arena *arena;
    const char **slots;
    size_t size;
    size_t count;
};

enum { FIRST_SIZE = 16 };

/* FNV-1a over the folded bytes. Keys come from strangers, but a set is bounded by one
 * message's recipients and its arena dies with the message. */
static size_t hash(const char *text)
{
    uint64_t value = 14695981039346656037u;
    for (; *text != '\0'; text++) {
        value = (value ^ (unsigned char)text_fold_char(*text)) * 1099511628211u;
    }
    return (size_t)(value ^ (value >> 32));
}

static const char **slot_find(const struct key_set *set, const char *address)
{
    size_t i = hash(address) & (set->size - 1);
    while (set->slots[i] != NULL && !text_equal_folded(set->slots[i], address)) {
        i = (i + 1) & (set->size - 1);
    }
    return &set->slots[i];
}

struct key_set *key_set_new(struct arena *arena)
{
    struct key_set *set = arena_alloc(arena, sizeof *set);
    set->arena = arena;
    set->size = FIRST_SIZE;
    set->slots = arena_array(arena, set->size, sizeof *set->slots);
    return set;
}

static void grow(struct key_set *set)
{
    const char **old = set->slots;
    size_t old_size = set->size;
    set->size *= 2;
    set->slots = arena_array(set->arena, set->size, sizeof *set->slots);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i] != NULL) {
            *slot_find(set, old[i]) = old[i];
        }
    }
}

bool key_set_add(struct key_set *set, const char *address)
{
    const char **slot = slot_find(set, address);
    if (*slot != NULL) {
        return false;
    }
    *slot = address;
    if (++set->count * 2 > set->size) {
        grow(set);
    }
    return true;
}

bool key_set_has(const struct key_set *set, const char *address)
{
    return *slot_find(set, address) != NULL;
}
