/* SPDX-License-Identifier: MIT */
/* Keys and their values, found by hash: accounts, aliases, domains. Made for millions of
 * them: entries lie side by side in one block of memory, and a look-up touches two places
 * of it. Keys are folded when they are added. */
#ifndef FOREGATE_DIRECTORY_TABLE_H
#define FOREGATE_DIRECTORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
struct table {
    char *block; /* of entries */
    size_t used, size;
    uint64_t *slots; /* upper half: hash; lower half: place of the entry + 1, or 0 */
    size_t slot_count;
    size_t count; /* different keys */
    size_t twins; /* entries whose key was there already */
};

/* Strings live as long as the table and until something is added. */
struct table_entry {
    const char *key; /* folded */
    const char *value;
    int line;
    size_t place; /* private */
};

void table_deinit(struct table *table);

/* Copies both. False when the key was there already: the first entry stays the one that is
 * found, and the others follow it. Out of memory aborts. */
bool table_add(struct table *table, const char *key, const char *value, int line);

/* The same when the key is new; else the entry that is there stays alone. */
bool table_add_new(struct table *table, const char *key, const char *value, int line);

/* Gives back spare memory when nothing more is to come. */
void table_seal(struct table *table);

/* The first entry with this key, which is in small letters; false: there is none. */
bool table_find(const struct table *table, const char *key, struct table_entry *entry);

/* The same with the key's hash, which is known already. */
uint32_t table_hash(const char *key, size_t length);
bool table_find_hashed(const struct table *table, const char *key, uint32_t hash,
                       struct table_entry *entry);

/* A key will be looked for soon: begins to get its place from memory. */
void table_expect(const struct table *table, uint32_t hash);

/* The other entries of the same key, in no order. */
bool table_find_twin(const struct table *table, struct table_entry *entry);

/* All entries in the order in which they were added, twins too; *cursor begins at 0. */
bool table_next(const struct table *table, size_t *cursor, struct table_entry *entry);

/* What makes new of old, by key; of twins the first counts. */
struct table_change {
    size_t added, removed, changed;
};

struct table_change table_compare(const struct table *old, const struct table *new);

#endif
