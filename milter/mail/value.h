/* SPDX-License-Identifier: MIT */
/* Plain values that live between two rules or two stages: notes, an expansion,
 * the detail of a verdict. Kept in C because nothing in Lua outlives a callback.
 * Everything lives in the arena it was made in. */
#ifndef FOREGATE_MAIL_VALUE_H
#define FOREGATE_MAIL_VALUE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_INTEGER,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_TABLE,
};

struct value_entry;

struct value {
    enum value_type type;

    union {
        bool boolean;
        int64_t integer;
        double number;

        struct {
            const char *bytes; /* NUL behind, may hold NULs */
            size_t length;
        } text;

        struct {
            struct value_entry *entries;
            size_t count;
            size_t size;
        } table;
    };
};

/* Keys of notes are texts or integers, those within a value numbers and booleans too. */
struct value_entry {
    struct value key;
    struct value value;
};

/* Arguments or results of a call: NIL keeps its place. */
struct value_list {
    struct value *values;
    size_t count;
};

struct value value_text(struct arena *arena, const char *bytes, size_t length);

/* Of tables: the same entries in the same order. */
bool value_equal(const struct value *left, const struct value *right);
bool value_list_equal(const struct value_list *left, const struct value_list *right);

/* The keys of the table are 1, 2, 3 and so on, in this order; or it is empty. */
bool value_is_list(const struct value *table);

/* NULL when the table has no such key. */
const struct value *value_find(const struct value *table, const struct value *key);

/* Replaces or appends; a NIL value removes. key and value must live in the arena
 * (or be no texts). table must be of type TABLE. */
void value_set(struct arena *arena, struct value *table, struct value key,
               struct value value);

#endif
