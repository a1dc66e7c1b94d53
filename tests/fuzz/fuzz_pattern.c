/* SPDX-License-Identifier: MIT */
/* Any text as a pattern file; its first line is the address that is looked up. */
#include "directory/pattern.h"

#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pattern_table *read_patterns(struct arena *arena, struct part part,
                                           struct finding_list *findings)
{
    struct pattern_table *table;
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read =
        pattern_table_parse(arena, stream, "postfix-regexp.cf", findings, &table, &error);
    assert(read == part_is_text(part));
    fclose(stream);
    return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (end == NULL) {
        return 0;
    }
    struct arena *arena = arena_new();
    const char *address = arena_copy_bytes(arena, data, (size_t)(end - data));
    struct part part = {(const char *)end + 1, size - (size_t)(end + 1 - data)};
    struct finding_list findings = {.arena = arena};
    struct pattern_table *table = read_patterns(arena, part, &findings);
    struct answer answer = pattern_table_find(table, address, arena);
    check_findings(&findings);
    assert((answer.kind == ANSWER_FOUND) == (answer.value != NULL));
    assert((answer.kind == ANSWER_FAILED) == (answer.reason != NULL));

    /* Comments mean nothing, wherever they stand. */
    struct pattern_table *other =
        read_patterns(arena, part_insert(arena, part, "\n# /a/ b"), NULL);
    struct answer again = pattern_table_find(other, address, arena);
    if (part_is_text(part)) {
        assert(pattern_table_count(table) == pattern_table_count(other));
        assert(answer.kind == again.kind);
        assert(answer.value == NULL || strcmp(answer.value, again.value) == 0);
    }
    pattern_table_deinit(table);
    pattern_table_deinit(other);
    arena_free(&arena);
    return 0;
}
