/* SPDX-License-Identifier: MIT */
/* Any bytes as a table value and as a From: header. */
#include "mail/address_list.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    struct address_list list;
    struct error error = {0};
    address_list_parse_value(arena, text, &list);
    assert(list.count <= size);
    for (size_t i = 0; i < list.count; i++) {
        assert(strlen(list.entries[i].internal) <= size + 1);
    }
    if (address_list_parse_header(arena, text, &list, &error)) {
        for (size_t i = 0; i < list.count; i++) {
            /* What was taken is an address to Postfix too, and the same one. */
            struct address_list again;
            address_list_parse_value(arena, list.entries[i].external, &again);
            assert(again.count == 1);
            assert(strcmp(again.entries[0].internal, list.entries[i].internal) == 0);
        }
    } else {
        assert(error.text[0] != '\0');
    }
    arena_free(&arena);
    return 0;
}
