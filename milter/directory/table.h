/* SPDX-License-Identifier: MIT */
/* Files in Postfix's table syntax: logical lines (comments, continuation), `key value`
 * lines, and a sorted set of such entries that is searched by key. Keys are folded. Source:
 * Postfix util/readlline.c, util/dict_thash.c. */
#ifndef FOREGATE_DIRECTORY_TABLE_H
#define FOREGATE_DIRECTORY_TABLE_H

#include "base/arena.h"
#include "directory/finding.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads logical lines; they are joined in place, so that content is changed. */
struct line_reader {
    char *next;
    int number; /* of the physical line at next, from 1 */
};

struct logical_line {
    char *text; /* NUL behind it, no line end */
    int number; /* where it begins */
    bool continued;
    bool
        orphan; /* indented, with nothing before that it could continue: Postfix skips it */
};

void line_reader_init(struct line_reader *reader, char *content);
bool line_reader_next(struct line_reader *reader, struct logical_line *line);

/* The next physical line, without its end; false behind the last. */
bool line_reader_next_physical(struct line_reader *reader, char **text, int *number);

struct table_entry {
    const char *key; /* folded */
    const char *value;
    int line;
};

struct table {
    struct table_entry *entries;
    size_t count;
    size_t size;
    bool sorted;
};

/* key and value are borrowed, and key is folded in place; table_sort comes before the first
 * table_find. */
void table_add(struct arena *arena, struct table *table, char *key, const char *value,
               int line);

/* Sorts by key, then by line. Returns the second entry of the first pair of equal keys in
 * the order of lines (its twin stands before it), or NULL when every key is unique. */
const struct table_entry *table_sort(struct table *table);

/* Drops all but the first of each key. */
void table_unique(struct table *table);

/* NULL when there is none. The key may be in any case. */
const struct table_entry *table_find(const struct table *table, const char *key);

/* Adds the entries of a texthash file and reports lines that Postfix ignores. content is
 * changed, and borrowed by the entries. */
void table_parse(struct arena *arena, struct table *table, char *content, const char *file,
                 struct finding_list *findings);

#endif
