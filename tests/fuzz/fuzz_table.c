/* SPDX-License-Identifier: MIT */
/* Any text as postfix-virtual.cf: every entry is found again, in both readings of the
 * file, and nothing of a line is lost without a finding. */
#include "directory/dms_parse.h"
#include "directory/line.h"

#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test",
    .rules = {.myorigin = "host.test", .delimiters = "+"},
};

static size_t count_lines(const uint8_t *data, size_t size)
{
    FILE *stream = bytes_stream(data, size);
    struct line_reader reader;
    struct line line;
    size_t count = 0;
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        assert(line.number >= 1 && line.last >= line.number);
        assert(line.continued == (line.last > line.number));
        count++;
    }
    line_reader_deinit(&reader);
    fclose(stream);
    return count;
}

static struct snapshot *read_virtual(struct part part, struct finding_list *findings)
{
    struct snapshot *snapshot = snapshot_new(&settings);
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read = dms_parse_virtual(snapshot, stream, findings, &error);
    assert(read == part_is_text(part) && read == (error.text[0] == '\0'));
    rewind(stream);
    read = dms_parse_domains(snapshot, stream, findings, &error);
    assert(part.length == 0 || read == part_is_text(part));
    fclose(stream);
    snapshot_seal(snapshot);
    return snapshot;
}

static void check_values(const struct table *table)
{
    struct table_entry entry;
    size_t cursor = 0;
    check_entries(table);
    while (table_next(table, &cursor, &entry)) {
        assert(entry.key[0] != '\0' && entry.value[0] != '\0' && entry.line > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part part = {(const char *)data, size};
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot = read_virtual(part, &findings);
    const struct table *aliases = &snapshot->aliases;
    size_t lines = aliases->count + aliases->twins;
    assert(lines <= count_lines(data, size));
    check_findings(&findings);
    check_values(aliases);
    check_entries(&snapshot->domains);
    if (part_is_text(part)) {
        /* Comments mean nothing, wherever they stand. */
        struct snapshot *other =
            read_virtual(part_insert(arena, part, "\n# a@b.test c"), NULL);
        check_same_entries(aliases, &other->aliases);
        check_same_entries(&snapshot->domains, &other->domains);
        snapshot_release(&other);
    }
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
