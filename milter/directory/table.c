/* SPDX-License-Identifier: MIT */
#include "directory/table.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void line_reader_init(struct line_reader *reader, char *content)
{
    reader->next = content;
    reader->number = 1;
}

bool line_reader_next_physical(struct line_reader *reader, char **text, int *number)
{
    if (*reader->next == '\0') {
        return false;
    }
    *text = reader->next;
    *number = reader->number++;
    size_t length = strcspn(reader->next, "\n");
    char *end = reader->next + length;
    reader->next = *end == '\n' ? end + 1 : end;
    *end = '\0';
    return true;
}

static bool is_nothing(const char *text)
{
    while (text_is_space(*text)) {
        text++;
    }
    return *text == '\0' || *text == '#';
}

bool line_reader_next(struct line_reader *reader, struct logical_line *line)
{
    char *text;
    int number;
    *line = (struct logical_line){0};
    do {
        if (!line_reader_next_physical(reader, &text, &number)) {
            return false;
        }
    } while (is_nothing(text));
    line->text = text;
    line->number = number;
    line->orphan = text_is_space(*text);
    size_t used = strlen(text);
    /* Blank lines and comments do not end a logical line, they vanish from it. */
    while (*reader->next == '#' || text_is_space(*reader->next)) {
        line_reader_next_physical(reader, &text, &number);
        if (is_nothing(text)) {
            continue;
        }
        size_t length = strlen(text);
        memmove(line->text + used, text, length + 1);
        used += length;
        line->continued = true;
    }
    return true;
}

void table_add(struct arena *arena, struct table *table, char *key, const char *value,
               int line)
{
    if (table->count == table->size) {
        size_t size = table->size > 0 ? table->size * 2 : 64;
        struct table_entry *entries = arena_array(arena, size, sizeof *entries);
        if (table->count > 0) {
            memcpy(entries, table->entries, table->count * sizeof *entries);
        }
        table->entries = entries;
        table->size = size;
    }
    text_fold(key);
    table->entries[table->count++] =
        (struct table_entry){.key = key, .value = value, .line = line};
    table->sorted = false;
}

static int compare_entries(const void *left, const void *right)
{
    const struct table_entry *a = left;
    const struct table_entry *b = right;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

const struct table_entry *table_sort(struct table *table)
{
    if (table->count > 0) {
        qsort(table->entries, table->count, sizeof *table->entries, compare_entries);
    }
    table->sorted = true;
    const struct table_entry *twin = NULL;
    for (size_t i = 1; i < table->count; i++) {
        const struct table_entry *entry = &table->entries[i];
        if (strcmp(entry->key, entry[-1].key) == 0 &&
            (twin == NULL || entry->line < twin->line)) {
            twin = entry;
        }
    }
    return twin;
}

void table_unique(struct table *table)
{
    assert(table->sorted);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (kept == 0 || strcmp(table->entries[i].key, table->entries[kept - 1].key) != 0) {
            table->entries[kept++] = table->entries[i];
        }
    }
    table->count = kept;
}

const struct table_entry *table_find(const struct table *table, const char *key)
{
    assert(table->sorted || table->count == 0);
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = text_compare_folded(key, table->entries[middle].key);
        if (order == 0) {
            return &table->entries[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* End of the key: the first white space that is neither quoted nor behind a backslash. NULL
 * when a quote stays open. */
static char *find_key_end(char *text)
{
    bool quoted = false;
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            if (*++text == '\0') {
                break;
            }
        } else if (text_is_space(*text) && !quoted) {
            break;
        } else if (*text == '"') {
            quoted = !quoted;
        }
    }
    return quoted ? NULL : text;
}

static void warn(struct finding_list *findings, const char *code, const char *file,
                 int line, const char *message, const char *remedy)
{
    if (findings != NULL) {
        finding_add(findings, FINDING_WARNING, code, file, line, message, remedy);
    }
}

/* A target word that begins with `#`. */
static bool has_comment(const char *value)
{
    for (const char *at = strchr(value, '#'); at != NULL; at = strchr(at + 1, '#')) {
        if (at == value || text_is_space(at[-1]) || at[-1] == ',') {
            return true;
        }
    }
    return false;
}

static void parse_line(struct arena *arena, struct table *table,
                       const struct logical_line *line, const char *file,
                       struct finding_list *findings)
{
    if (line->orphan) {
        warn(findings, "indented-line", file, line->number,
             "The line is indented and continues nothing: Postfix ignores it, mail for its "
             "address is not aliased",
             "Begin the line at its first column");
        return;
    }
    char *end = find_key_end(line->text);
    if (end == NULL) {
        warn(findings, "open-quote", file, line->number,
             "The key holds an odd number of quotation marks: Postfix ignores the line, "
             "mail "
             "for its address is not aliased",
             "Close the quotation: \"local part\"@domain");
        return;
    }
    char *value = end;
    if (*end != '\0') {
        *end = '\0';
        value = text_trim(end + 1);
    }
    if (*value == '\0') {
        warn(
            findings, "no-value", file, line->number,
            "The line has a key and no target: Postfix ignores it, mail for its address is "
            "not aliased",
            "Write `address target`, or delete the line");
        return;
    }
    if (has_comment(value)) {
        warn(findings, "comment-in-value", file, line->number,
             "A comment behind the targets is none: its words, and the #, are further "
             "recipients, whose mail is accepted and bounced",
             "Put the comment on a line of its own");
    }
    table_add(arena, table, line->text, value, line->number);
}

void table_parse(struct arena *arena, struct table *table, char *content, const char *file,
                 struct finding_list *findings)
{
    struct line_reader reader;
    struct logical_line line;
    line_reader_init(&reader, content);
    while (line_reader_next(&reader, &line)) {
        parse_line(arena, table, &line, file, findings);
    }
}
