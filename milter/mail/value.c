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

static bool tables_equal(const struct value *left, const struct value *right)
{
    if (left->table.count != right->table.count) {
        return false;
    }
    for (size_t i = 0; i < left->table.count; i++) {
        const struct value_entry *a = &left->table.entries[i];
        const struct value_entry *b = &right->table.entries[i];
        if (!value_equal(&a->key, &b->key) || !value_equal(&a->value, &b->value)) {
            return false;
        }
    }
    return true;
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
        return left->number == right->number;
    case VALUE_TABLE:
        return tables_equal(left, right);
    }
    return false;
}

bool value_list_equal(const struct value_list *left, const struct value_list *right)
{
    if (left->count != right->count) {
        return false;
    }
    for (size_t i = 0; i < left->count; i++) {
        if (!value_equal(&left->values[i], &right->values[i])) {
            return false;
        }
    }
    return true;
}

bool value_is_list(const struct value *table)
{
    for (size_t i = 0; i < table->table.count; i++) {
        const struct value *key = &table->table.entries[i].key;
        if (key->type != VALUE_INTEGER || key->integer != (int64_t)i + 1) {
            return false;
        }
    }
    return true;
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
