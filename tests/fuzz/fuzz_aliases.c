/* SPDX-License-Identifier: MIT */
/* Any bytes as postfix-aliases.cf: each line is an alias or a finding, a value is in the
 * form that it has when it is written and read again, and comments and CRs mean nothing. */
#include "directory/dms_parse.h"
#include "directory/line.h"
#include "mail/address_token.h"

#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test",
    .postmaster = "pm@a.test",
    .rules = {.myorigin = "host.test", .delimiters = "+"},
};

static struct snapshot *read_aliases(struct part part, struct finding_list *findings)
{
    struct snapshot *snapshot = snapshot_new(&settings);
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read = dms_parse_aliases(snapshot, stream, findings, &error);
    assert(read == part_is_text(part) && read == (error.text[0] == '\0'));
    fclose(stream);
    return snapshot;
}

/* Lines that hold something, the first one also when it goes on for root. */
static size_t count_lines(struct arena *arena, struct part part)
{
    FILE *stream = part_open(part);
    struct line_reader reader;
    struct line line;
    size_t count = 0;
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        struct tokens tokens = {0};
        assert(line.number >= 1 && line.last >= line.number);
        assert(line.continued == (line.last > line.number));
        tokens_scan(arena, line.text, &tokens);
        count += line.orphan || tokens.count > 0;
    }
    line_reader_deinit(&reader);
    fclose(stream);
    return count;
}

static const char *rewrite(struct arena *arena, const char *value)
{
    struct tokens tokens = {0};
    tokens_scan(arena, value, &tokens);
    return tokens_external(arena, &tokens);
}

static void check_values(struct arena *arena, const struct table *table)
{
    struct table_entry entry;
    size_t cursor = 0;
    check_entries(table);
    assert(table->twins == 0);
    while (table_next(table, &cursor, &entry)) {
        /* A backslash at the end of a line is a word without characters, once. */
        const char *again = rewrite(arena, entry.value);
        assert(strlen(again) == strlen(entry.value) ||
               strcmp(arena_format(arena, "%s ", again), entry.value) == 0);
        assert(strcmp(rewrite(arena, again), again) == 0);
        assert((entry.line == 0) == (strcmp(entry.key, "root") == 0));
    }
}

static void check_rewritten(struct part part, const struct snapshot *snapshot)
{
    struct snapshot *other = read_aliases(part, NULL);
    check_same_entries(&snapshot->local_aliases, &other->local_aliases);
    snapshot_release(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part part = {(const char *)data, size};
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot = read_aliases(part, &findings);
    size_t entries = snapshot->local_aliases.count;
    check_findings(&findings);
    check_values(arena, &snapshot->local_aliases);
    if (part_is_text(part)) {
        size_t found = finding_count(&findings, FINDING_ERROR) +
                       finding_count(&findings, FINDING_WARNING);
        size_t lines = count_lines(arena, part);
        /* A line is an entry, or a finding, or both. */
        assert(entries >= 1 && entries - 1 <= lines && lines <= entries - 1 + found);
        check_rewritten(part_insert(arena, part, "\n# x: y"), snapshot);
        /* Elsewhere a CR may be quoted, end what a backslash began, or part what a vertical
         * tab continues. */
        const char *text = arena_copy_bytes(arena, part.bytes, part.length);
        if (strpbrk(text, "\"\\[\v\f") == NULL) {
            check_rewritten(part_insert(arena, part, "\r"), snapshot);
        }
    }
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
