/* SPDX-License-Identifier: MIT */
/* Any text as postfix-virtual.cf: every entry is found again, in both readings of the
 * file, and nothing of a line is lost without a finding. */
#include "directory/dms_parse.h"
#include "directory/line.h"

#include "text_stream.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

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

static void check_entries(const struct table *table)
{
    struct table_entry entry;
    struct table_entry found;
    size_t cursor = 0;
    size_t entries = 0;
    while (table_next(table, &cursor, &entry)) {
        assert(entry.key[0] != '\0' && entry.value[0] != '\0' && entry.line > 0);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct snapshot *snapshot = snapshot_new(&settings);
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    FILE *stream = bytes_stream(data, size);
    bool is_text = size == 0 || memchr(data, 0, size) == NULL;
    assert(dms_parse_virtual(snapshot, stream, &findings, &error) == is_text);
    assert(is_text || error.text[0] != '\0');
    const struct table *aliases = &snapshot->aliases;
    size_t lines = aliases->count + aliases->twins;
    assert(lines <= count_lines(data, size));
    rewind(stream);
    assert(size == 0 || dms_parse_domains(snapshot, stream, &findings, &error) == is_text);
    fclose(stream);
    snapshot_seal(snapshot);
    check_entries(aliases);
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
