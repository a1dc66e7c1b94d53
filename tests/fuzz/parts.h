/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as several files, with a line `%%` between them, and files written in
 * another way that means the same. */
#ifndef FOREGATE_TESTS_FUZZ_PARTS_H
#define FOREGATE_TESTS_FUZZ_PARTS_H

#include "directory/finding.h"
#include "directory/table.h"

#include "text_stream.h"

#include <stdbool.h>
#include <stdint.h>

struct part {
    const char *bytes;
    size_t length;
};

/* Takes the first part off; what is missing is empty. */
static inline struct part part_next(struct part *rest)
{
    static const char separator[] = "\n%%\n";
    const char *end = rest->length > 0
                          ? memmem(rest->bytes, rest->length, separator, strlen(separator))
                          : NULL;
    struct part part = *rest;
    if (end == NULL) {
        *rest = (struct part){.bytes = ""};
        return part;
    }
    part.length = (size_t)(end + 1 - part.bytes);
    rest->bytes = end + strlen(separator);
    rest->length -= part.length + strlen(separator) - 1;
    return part;
}

static inline bool part_is_text(struct part part)
{
    return part.length == 0 || memchr(part.bytes, '\0', part.length) == NULL;
}

static inline FILE *part_open(struct part part)
{
    return bytes_stream(part.bytes, part.length);
}

/* With text put in front of each line end. */
static inline struct part part_insert(struct arena *arena, struct part part,
                                      const char *text)
{
    size_t length = strlen(text);
    char *copy = arena_alloc(arena, part.length * (length + 1) + 1);
    size_t used = 0;
    for (size_t i = 0; i < part.length; i++) {
        if (part.bytes[i] == '\n') {
            memcpy(copy + used, text, length);
            used += length;
        }
        copy[used++] = part.bytes[i];
    }
    return (struct part){copy, used};
}

/* The same keys and values; line numbers may differ. */
static inline void check_same_entries(const struct table *left, const struct table *right)
{
    struct table_entry a;
    struct table_entry b;
    size_t at_left = 0;
    size_t at_right = 0;
    bool more = table_next(left, &at_left, &a);
    while (more) {
        assert(table_next(right, &at_right, &b));
        assert(strcmp(a.key, b.key) == 0 && strcmp(a.value, b.value) == 0);
        more = table_next(left, &at_left, &a);
    }
    assert(!table_next(right, &at_right, &b));
    assert(left->count == right->count && left->twins == right->twins);
}

/* Each entry is found by its key, and is folded. */
static inline void check_entries(const struct table *table)
{
    struct table_entry entry;
    struct table_entry found;
    size_t cursor = 0;
    size_t entries = 0;
    while (table_next(table, &cursor, &entry)) {
        for (const char *c = entry.key; *c != '\0'; c++) {
            assert(*c < 'A' || *c > 'Z');
        }
        assert(table_find(table, entry.key, &found));
        bool same = found.place == entry.place;
        while (!same && table_find_twin(table, &found)) {
            same = found.place == entry.place;
        }
        assert(same);
        entries++;
    }
    assert(entries == table->count + table->twins);
}

/* Nothing is said differently, but in findings of this code. */
static inline void check_same_findings(const struct finding_list *left,
                                       const struct finding_list *right, const char *but)
{
    size_t j = 0;
    for (size_t i = 0; i < left->count; i++) {
        const struct finding *a = &left->entries[i];
        if (strcmp(a->code, but) == 0) {
            continue;
        }
        while (j < right->count && strcmp(right->entries[j].code, but) == 0) {
            j++;
        }
        assert(j < right->count);
        const struct finding *b = &right->entries[j++];
        assert(a->severity == b->severity && strcmp(a->code, b->code) == 0);
        assert(strcmp(a->file, b->file) == 0 && a->line == b->line);
        assert(strcmp(a->message, b->message) == 0 && strcmp(a->remedy, b->remedy) == 0);
    }
}

static inline void check_findings(const struct finding_list *findings)
{
    size_t all =
        finding_count(findings, FINDING_ERROR) + finding_count(findings, FINDING_WARNING);
    assert(all <= FINDINGS_KEPT_MAX ? findings->count == all
                                    : findings->count >= FINDINGS_KEPT_MAX);
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->entries[i];
        assert(finding->code[0] != '\0' && finding->file[0] != '\0' && finding->line > 0);
        assert(finding->message[0] != '\0' && finding->remedy[0] != '\0');
    }
}

#endif
