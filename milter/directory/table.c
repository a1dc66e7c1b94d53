/* SPDX-License-Identifier: MIT */
#include "directory/table.h"

#include "base/hash.h"
#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* In front of each key; the value is behind the key's NUL. Places count in units of
 * alignment, so that 32 bits are enough for 16 GiB. */
struct head {
    uint32_t line;
    uint32_t twin; /* place + 1 of another entry with this key, or 0 */
};

enum {
    ALIGNMENT = sizeof(uint32_t),
    FIRST_SLOTS = 64,
    FIRST_BYTES = 4096,
    LARGE_BYTES = 1 << 21, /* a large page of x86-64, and of ARM with pages of 4 KiB */
};

/* Memory of LARGE_BYTES and more, in multiples of it, is mapped: it goes back to the system
 * at once, which a thread's memory of the allocator does not, and grows without a copy. It
 * lies in large pages where there are any: to find out where a page is takes as long as to
 * get what stands on it. */
static char *map_aligned(size_t size)
{
    assert(size % LARGE_BYTES == 0);
    char *map = mmap(NULL, size + LARGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        abort();
    }
    size_t before = -(uintptr_t)map % LARGE_BYTES;
    if (before > 0) {
        munmap(map, before);
    }
    munmap(map + before + size, LARGE_BYTES - before);
    return map + before;
}

static void free_memory(void *memory, size_t size)
{
    if (size < LARGE_BYTES) {
        free(memory);
    } else {
        munmap(memory, size);
    }
}

/* Keeps the first old_size bytes, like realloc. */
static void *grow_memory(void *memory, size_t old_size, size_t size)
{
    if (size < LARGE_BYTES) {
        void *larger = realloc(memory, size);
        if (larger == NULL) {
            abort();
        }
        return larger;
    }
    char *larger = map_aligned(size);
    if (old_size >= LARGE_BYTES) {
        if (mremap(memory, old_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, larger) ==
            MAP_FAILED) {
            abort();
        }
    } else if (old_size > 0) {
        memcpy(larger, memory, old_size);
        free(memory);
    }
    madvise(larger, size, MADV_HUGEPAGE);
    return larger;
}

void table_deinit(struct table *table)
{
    free_memory(table->block, table->size);
    free_memory(table->slots, table->slot_count * sizeof *table->slots);
    *table = (struct table){0};
}

static uint32_t hash_key(const char *key, size_t length)
{
    return (uint32_t)(hash_bytes(0, key, length) >> 32);
}

static struct head *head_at(const struct table *table, size_t place)
{
    return (struct head *)(void *)(table->block + place * ALIGNMENT);
}

static const char *key_at(const struct table *table, size_t place)
{
    return table->block + place * ALIGNMENT + sizeof(struct head);
}

static void fill_entry(const struct table *table, size_t place, size_t key_length,
                       struct table_entry *entry)
{
    entry->key = key_at(table, place);
    entry->value = entry->key + key_length + 1;
    entry->line = (int)head_at(table, place)->line;
    entry->place = place;
}

/* The slot that holds the key, or the empty one where it would go. */
static uint64_t *find_slot(const struct table *table, const char *key, uint32_t hash)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint64_t slot = table->slots[i];
        if (slot == 0) {
            return &table->slots[i];
        }
        if (slot >> 32 == hash && strcmp(key_at(table, (uint32_t)slot - 1), key) == 0) {
            return &table->slots[i];
        }
    }
}

/* Room for one more key, at most two thirds full. */
static void grow_slots(struct table *table)
{
    if (table->count + table->count / 2 < table->slot_count) {
        return;
    }
    size_t count = table->slot_count > 0 ? table->slot_count * 2 : FIRST_SLOTS;
    uint64_t *slots = grow_memory(NULL, 0, count * sizeof *slots);
    memset(slots, 0, count * sizeof *slots);
    for (size_t i = 0; i < table->slot_count; i++) {
        uint64_t slot = table->slots[i];
        size_t to = (slot >> 32) & (count - 1);
        while (slot != 0 && slots[to] != 0) {
            to = (to + 1) & (count - 1);
        }
        if (slot != 0) {
            slots[to] = slot;
        }
    }
    free_memory(table->slots, table->slot_count * sizeof *slots);
    table->slots = slots;
    table->slot_count = count;
}

static void grow_block(struct table *table, size_t needed)
{
    if (table->size - table->used >= needed) {
        return;
    }
    size_t size = FIRST_BYTES;
    while (size < table->used || size - table->used < needed) {
        size *= 2;
    }
    if (size / ALIGNMENT >= UINT32_MAX) {
        abort();
    }
    table->block = grow_memory(table->block, table->size, size);
    table->size = size;
}

/* Returns its place; the key in it is folded. */
static size_t append(struct table *table, const char *key, size_t key_length,
                     const char *value, int line)
{
    size_t value_length = strlen(value);
    size_t needed = sizeof(struct head) + key_length + value_length + 2;
    needed = (needed + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    grow_block(table, needed);
    size_t place = table->used / ALIGNMENT;
    char *at = table->block + table->used;
    table->used += needed;
    memset(table->block + table->used - ALIGNMENT, 0, ALIGNMENT);
    const struct head head = {.line = (uint32_t)line};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (size_t i = 0; i <= key_length; i++) {
        at[i] = text_fold_char(key[i]);
    }
    memcpy(at + key_length + 1, value, value_length + 1);
    return place;
}

static bool add(struct table *table, const char *key, const char *value, int line,
                bool keeps_twins)
{
    size_t length = strlen(key);
    grow_slots(table);
    size_t used = table->used;
    size_t place = append(table, key, length, value, line);
    const char *folded = key_at(table, place);
    uint32_t hash = hash_key(folded, length);
    uint64_t *slot = find_slot(table, folded, hash);
    if (*slot == 0) {
        *slot = (uint64_t)hash << 32 | (uint32_t)(place + 1);
        table->count++;
        return true;
    }
    if (!keeps_twins) {
        table->used = used;
        return false;
    }
    struct head *first = head_at(table, (uint32_t)*slot - 1);
    head_at(table, place)->twin = first->twin;
    first->twin = (uint32_t)(place + 1);
    table->twins++;
    return false;
}

bool table_add(struct table *table, const char *key, const char *value, int line)
{
    return add(table, key, value, line, true);
}

bool table_add_new(struct table *table, const char *key, const char *value, int line)
{
    return add(table, key, value, line, false);
}

void table_seal(struct table *table)
{
    /* What was never used of a large one takes no memory. */
    if (table->used > 0 && table->size < LARGE_BYTES) {
        table->block = grow_memory(table->block, table->size, table->used);
        table->size = table->used;
    }
}

bool table_find(const struct table *table, const char *key, struct table_entry *entry)
{
    return table->count > 0 &&
           table_find_hashed(table, key, hash_key(key, strlen(key)), entry);
}

bool table_find_hashed(const struct table *table, const char *key, uint32_t hash,
                       struct table_entry *entry)
{
    if (table->count == 0) {
        return false;
    }
    uint64_t slot = *find_slot(table, key, hash);
    if (slot == 0) {
        return false;
    }
    fill_entry(table, (uint32_t)slot - 1, strlen(key), entry);
    return true;
}

uint32_t table_hash(const char *key, size_t length)
{
    return hash_key(key, length);
}

void table_expect(const struct table *table, uint32_t hash)
{
    if (table->count > 0) {
        __builtin_prefetch(&table->slots[hash & (table->slot_count - 1)]);
    }
}

bool table_find_twin(const struct table *table, struct table_entry *entry)
{
    uint32_t twin = head_at(table, entry->place)->twin;
    if (twin == 0) {
        return false;
    }
    fill_entry(table, twin - 1, strlen(entry->key), entry);
    return true;
}

bool table_next(const struct table *table, size_t *cursor, struct table_entry *entry)
{
    if (*cursor >= table->used) {
        return false;
    }
    size_t place = *cursor / ALIGNMENT;
    fill_entry(table, place, strlen(key_at(table, place)), entry);
    size_t end = (size_t)(entry->value - table->block) + strlen(entry->value) + 1;
    *cursor = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return true;
}

/* The entries that are found. */
static bool next_first(const struct table *table, size_t *cursor, struct table_entry *entry)
{
    struct table_entry first;
    bool more = table_next(table, cursor, entry);
    while (more && table->twins > 0 && table_find(table, entry->key, &first) &&
           first.place != entry->place) {
        more = table_next(table, cursor, entry);
    }
    return more;
}

/* The entry of this key; first looks where the one before was found: two tables of nearly
 * the same keys have most of them in the same order. */
static bool find_near(const struct table *table, const char *key, size_t *cursor,
                      struct table_entry *entry)
{
    size_t next = *cursor;
    if (table->twins == 0 && table_next(table, &next, entry) &&
        strcmp(entry->key, key) == 0) {
        *cursor = next;
        return true;
    }
    if (!table_find(table, key, entry)) {
        return false;
    }
    *cursor = entry->place * ALIGNMENT;
    table_next(table, cursor, entry);
    return true;
}

struct table_change table_compare(const struct table *old, const struct table *new)
{
    struct table_change change = {0};
    size_t cursor = 0;
    size_t near = 0;
    struct table_entry entry;
    struct table_entry before;
    while (next_first(new, &cursor, &entry)) {
        if (!find_near(old, entry.key, &near, &before)) {
            change.added++;
        } else if (strcmp(entry.value, before.value) != 0) {
            change.changed++;
        }
    }
    change.removed = old->count + change.added - new->count;
    return change;
}
