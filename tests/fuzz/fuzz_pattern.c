/* SPDX-License-Identifier: MIT */
/* Any text as a pattern file; its first line is the address that is looked up. */
#include "directory/pattern.h"

#include "text_stream.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *address = arena_copy_bytes(arena, data, size);
    char *content = strchr(address, '\n');
    if (content != NULL) {
        *content++ = '\0';
        struct finding_list findings = {.arena = arena};
        struct pattern_table *table;
        struct error error = {0};
        FILE *stream = text_stream(content);
        assert(pattern_table_parse(arena, stream, "postfix-regexp.cf", &findings, &table,
                                   &error));
        fclose(stream);
        struct answer answer = pattern_table_find(table, address, arena);
        assert((answer.kind == ANSWER_FOUND) == (answer.value != NULL));
        assert((answer.kind == ANSWER_FAILED) == (answer.reason != NULL));
        pattern_table_deinit(table);
    }
    arena_free(&arena);
    return 0;
}
