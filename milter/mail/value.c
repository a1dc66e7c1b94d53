/* SPDX-License-Identifier: MIT */
#include "mail/value.h"

#include <assert.h>
#include <string.h>

struct value value_text(struct arena *arena, const char *bytes, size_t length)
{
    return (struct value){
        .type = VALUE_TEXT,
        .text = {.bytes = arena_copy_bytes(arena, bytes, length), .length = length},
    };
}

bool value_equal(const struct value *left, const struct value *right)
{
    if (left->type != right->type) {
        return false;
    }
    switch (left->type) {
    case VALUE_NIL:
        return true;
    case VALUE_BOOL:
        return left->boolean == right->boolean;
    case VALUE_INTEGER:
        return left->integer == right->integer;
    case VALUE_TEXT:
        return left->text.length == right->text.length &&
               memcmp(left->text.bytes, right->text.bytes, left->text.length) == 0;
    case VALUE_NUMBER:
    case VALUE_TABLE:
        return false; /* never keys */
    }
    return false;
}

static struct value_entry *entry_find(const struct value *table, const struct value *key)
{
    assert(table->type == VALUE_TABLE);
    for (size_t i = 0; i < table->table.count; i++) {
        if (value_equal(&table->table.entries[i].key, key)) {
            return &table->table.entries[i];
        }
    }
    return NULL;
}

const struct value *value_find(const struct value *table, const struct value *key)
{
    struct value_entry *entry = entry_find(table, key);
    return entry != NULL ? &entry->value : NULL;
}

const struct value *value_find_text(const struct value *table, const char *key)
{
    struct value wanted = {
        .type = VALUE_TEXT,
        .text = {.bytes = key, .length = strlen(key)},
    };
    return value_find(table, &wanted);
}

void value_set(struct arena *arena, struct value *table, struct value key,
               struct value value)
{
    struct value_entry *entry = entry_find(table, &key);
    if (entry != NULL && value.type == VALUE_NIL) {
        *entry = table->table.entries[--table->table.count];
        return;
    }
    if (entry != NULL) {
        entry->value = value;
        return;
    }
    if (value.type == VALUE_NIL) {
        return;
    }
    if (table->table.count == table->table.size) {
        size_t size = table->table.size > 0 ? table->table.size * 2 : 4;
        struct value_entry *entries = arena_array(arena, size, sizeof *entries);
        if (table->table.count > 0) {
            memcpy(entries, table->table.entries, table->table.count * sizeof *entries);
        }
        table->table.entries = entries;
        table->table.size = size;
    }
    table->table.entries[table->table.count++] =
        (struct value_entry){.key = key, .value = value};
}
