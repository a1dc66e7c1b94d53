/* SPDX-License-Identifier: MIT */
/* Any text as a table file: every entry is found again. */
#include "directory/table.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct table table = {0};
    struct finding_list findings = {.arena = arena};
    table_parse(arena, &table, arena_copy_bytes(arena, data, size), "postfix-virtual.cf",
                &findings);
    assert(table.count + findings.count <= size);
    const struct table_entry *twin = table_sort(&table);
    assert(twin == NULL || strcmp(twin->key, twin[-1].key) == 0);
    table_unique(&table);
    for (size_t i = 0; i < table.count; i++) {
        assert(table.entries[i].key[0] != '\0' && table.entries[i].value[0] != '\0');
        assert(table_find(&table, table.entries[i].key) == &table.entries[i]);
    }
    arena_free(&arena);
    return 0;
}
