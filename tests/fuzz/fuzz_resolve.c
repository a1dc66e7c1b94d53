/* SPDX-License-Identifier: MIT */
/* A whole resolution: the address, the alias table, the pattern table and the local
 * aliases, with a line `%%` between them. Always ends, within the limits, with an outcome
 * that makes sense. */
#include "directory/dms_parse.h"
#include "directory/ownership.h"

#include "base/text.h"
#include "text_stream.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts text at the next separator; returns what is behind it, or "". */
static char *cut(char *text)
{
    char *separator = strstr(text, "\n%%\n");
    if (separator == NULL) {
        return text + strlen(text);
    }
    separator[1] = '\0';
    return separator + strlen("\n%%\n");
}

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test localhost",
    .postmaster = "alice@a.test",
    .rules = {.myorigin = "host.test", .delimiters = "+-"},
};

static struct snapshot *build(const char *aliases, const char *patterns, const char *local)
{
    struct snapshot *snapshot = snapshot_new(&settings);
    struct error error = {0};
    table_add(&snapshot->accounts, "alice@a.test", "", 1);
    table_add(&snapshot->accounts, "b+c@a.test", "", 2);
    table_add(&snapshot->domains, "a.test", "", 1);
    FILE *stream = text_stream(aliases);
    dms_parse_virtual(snapshot, stream, NULL, &error);
    rewind(stream);
    dms_parse_domains(snapshot, stream, NULL, &error);
    fclose(stream);
    stream = text_stream(patterns);
    pattern_table_parse(snapshot->arena, stream, "r", NULL, &snapshot->patterns, &error);
    fclose(stream);
    table_add(&snapshot->local_aliases, "root", settings.postmaster, 0);
    stream = text_stream(local);
    dms_parse_aliases(snapshot, stream, NULL, &error);
    fclose(stream);
    snapshot_seal(snapshot);
    return snapshot;
}

static void check(const struct expansion *expansion)
{
    assert((expansion->fault != FAULT_NONE) == (expansion->fault_reason != NULL));
    assert(expansion->status != EXPANSION_ERROR || expansion->fault != FAULT_NONE);
    assert(expansion->status != EXPANSION_OK ||
           (expansion->fault == FAULT_NONE && expansion->recipient_count > 0));
    assert(expansion->recipient_count <= 1000);
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        assert(recipient->address[0] != '\0' && recipient->via_count <= 1000);
        assert((recipient->class == CLASS_MAILBOX) == (recipient->mailbox != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *typed = arena_copy_bytes(arena, data, size);
    char *aliases = cut(typed);
    char *patterns = cut(aliases);
    char *local = cut(patterns);
    struct snapshot *snapshot = build(aliases, patterns, local);
    struct address address;
    struct error error = {0};
    if (address_parse(arena, text_trim(typed), &settings.rules, &address, &error)) {
        const struct ownership_options options = {true, true, true, true};
        check(resolve_address(arena, &address, snapshot));
        ownership_find(arena, "alice@a.test", &address, snapshot, &options);
    }
    assert(arena_used(arena) < (size_t)512 << 20);
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
