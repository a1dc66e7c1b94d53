/* SPDX-License-Identifier: MIT */
#include "record/read_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What rules keep has eight levels at most. */
enum { DEPTH = 12 };

static int hexadecimal(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool read_bytes(struct arena *arena, const char *text, struct value *value)
{
    size_t length = strlen(text);
    char *bytes = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (const char *at = text; *at != '\0';) {
        if (*at != '\\') {
            bytes[used++] = *at++;
        } else if (at[1] == '\\') {
            bytes[used++] = '\\';
            at += 2;
        } else {
            int high = at[1] == 'x' ? hexadecimal(at[2]) : -1;
            int low = high >= 0 ? hexadecimal(at[3]) : -1;
            if (low < 0) {
                return false;
            }
            bytes[used++] = (char)(high * 16 + low);
            at += 4;
        }
    }
    *value = (struct value){.type = VALUE_TEXT, .text = {.bytes = bytes, .length = used}};
    return true;
}

const char *read_text(struct arena *arena, const json_t *json)
{
    struct value value;
    if (!json_is_string(json) || !read_bytes(arena, json_string_value(json), &value) ||
        strlen(value.text.bytes) != value.text.length) {
        return NULL;
    }
    return value.text.bytes;
}

static bool read_level(struct arena *arena, json_t *json, int depth, struct value *value);

static bool read_array(struct arena *arena, json_t *json, int depth, struct value *value)
{
    size_t count = json_array_size(json);
    *value = (struct value){.type = VALUE_TABLE};
    value->table.entries = arena_array(arena, count, sizeof *value->table.entries);
    value->table.count = value->table.size = count;
    for (size_t i = 0; i < count; i++) {
        struct value_entry *entry = &value->table.entries[i];
        entry->key = (struct value){.type = VALUE_INTEGER, .integer = (int64_t)i + 1};
        if (!read_level(arena, json_array_get(json, i), depth, &entry->value) ||
            entry->value.type == VALUE_NIL) {
            return false;
        }
    }
    return true;
}

/* `\#5` is the integer 5. */
static bool read_key(struct arena *arena, const char *text, struct value *key)
{
    if (text[0] != '\\' || text[1] != '#') {
        return read_bytes(arena, text, key);
    }
    char *end;
    *key = (struct value){.type = VALUE_INTEGER, .integer = strtoll(text + 2, &end, 10)};
    return end != text + 2 && *end == '\0';
}

/* {"\\number": "nan"} */
static bool read_number(json_t *json, struct value *value)
{
    const char *name = json_string_value(json_object_get(json, "\\number"));
    if (name == NULL || json_object_size(json) != 1) {
        return false;
    }
    bool is_infinite = strcmp(name, "inf") == 0 || strcmp(name, "-inf") == 0;
    *value = (struct value){
        .type = VALUE_NUMBER,
        .number = !is_infinite     ? (double)NAN
                  : name[0] == '-' ? -(double)INFINITY
                                   : (double)INFINITY,
    };
    return true;
}

static bool read_object(struct arena *arena, json_t *json, int depth, struct value *value)
{
    if (read_number(json, value)) {
        return true;
    }
    size_t count = json_object_size(json);
    *value = (struct value){.type = VALUE_TABLE};
    value->table.entries = arena_array(arena, count, sizeof *value->table.entries);
    value->table.size = count;
    const char *key;
    json_t *item;
    json_object_foreach(json, key, item)
    {
        struct value_entry *entry = &value->table.entries[value->table.count++];
        if (!read_key(arena, key, &entry->key) ||
            !read_level(arena, item, depth, &entry->value) ||
            entry->value.type == VALUE_NIL) {
            return false;
        }
    }
    return true;
}

static bool read_level(struct arena *arena, json_t *json, int depth, struct value *value)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
        *value = (struct value){.type = VALUE_NIL};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *value = (struct value){.type = VALUE_BOOL, .boolean = json_is_true(json)};
        return true;
    case JSON_INTEGER:
        *value = (struct value){.type = VALUE_INTEGER, .integer = json_integer_value(json)};
        return true;
    case JSON_REAL:
        *value = (struct value){.type = VALUE_NUMBER, .number = json_real_value(json)};
        return true;
    case JSON_STRING:
        return read_bytes(arena, json_string_value(json), value);
    case JSON_ARRAY:
        return depth > 0 && read_array(arena, json, depth - 1, value);
    case JSON_OBJECT:
        return depth > 0 && read_object(arena, json, depth - 1, value);
    }
    return false;
}

bool read_value(struct arena *arena, json_t *json, struct value *value)
{
    return json != NULL && read_level(arena, json, DEPTH, value);
}

bool read_values(struct arena *arena, json_t *json, struct value_list *list)
{
    if (!json_is_array(json)) {
        return false;
    }
    *list = (struct value_list){.count = json_array_size(json)};
    list->values = arena_array(arena, list->count, sizeof *list->values);
    for (size_t i = 0; i < list->count; i++) {
        if (!read_value(arena, json_array_get(json, i), &list->values[i])) {
            return false;
        }
    }
    return true;
}
