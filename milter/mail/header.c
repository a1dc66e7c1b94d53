/* SPDX-License-Identifier: MIT */
#include "mail/header.h"

#include "base/text.h"

#include <string.h>

enum { NAME_BYTES = 76, VALUE_BYTES = 998 };

void header_add(struct header_list *list, struct arena *arena, const char *name,
                const char *value)
{
    list->bytes += strlen(name) + 2 + strlen(value) + 2; /* ": " and CRLF */
    if (list->bytes > HEADER_LIST_BYTES || list->count == HEADER_LIST_COUNT) {
        list->truncated = true;
        return;
    }
    if (list->count == list->size) {
        size_t size = list->size > 0 ? list->size * 2 : 16;
        struct header *entries = arena_array(arena, size, sizeof *entries);
        if (list->count > 0) {
            memcpy(entries, list->entries, list->count * sizeof *entries);
        }
        list->entries = entries;
        list->size = size;
    }
    list->entries[list->count++] = (struct header){
        .name = arena_copy(arena, name),
        .value = arena_copy(arena, value),
    };
}

const struct header *header_next(const struct header_list *list, const char *name,
                                 const struct header *before)
{
    size_t i = before != NULL ? (size_t)(before - list->entries) + 1 : 0;
    for (; i < list->count; i++) {
        if (text_equal_folded(list->entries[i].name, name)) {
            return &list->entries[i];
        }
    }
    return NULL;
}

bool header_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == ':') {
            return false;
        }
    }
    return length >= 1 && length <= NAME_BYTES;
}

bool header_value_is_valid(const char *value, size_t length)
{
    return length <= VALUE_BYTES && memchr(value, '\r', length) == NULL &&
           memchr(value, '\n', length) == NULL && memchr(value, '\0', length) == NULL;
}
