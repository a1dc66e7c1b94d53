/* SPDX-License-Identifier: MIT */
/* A whole resolution: the address, the alias table and the pattern table, with a line `%%`
 * between them. Always ends, within the limits, with an outcome that makes sense. */
#include "directory/ownership.h"
#include "directory/snapshot_build.h"

#include "base/text.h"

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

static void add(struct snapshot *snapshot, struct table *table, const char *key,
                const char *value)
{
    table_add(snapshot->arena, table, arena_copy(snapshot->arena, key), value, 1);
}

static struct snapshot *build(char *aliases, char *patterns)
{
    struct snapshot *snapshot = snapshot_new();
    add(snapshot, &snapshot->accounts, "alice@a.test", "alice@a.test");
    add(snapshot, &snapshot->accounts, "b+c@a.test", "b+c@a.test");
    add(snapshot, &snapshot->domains, "a.test", "");
    table_parse(snapshot->arena, &snapshot->aliases, arena_copy(snapshot->arena, aliases),
                "v", NULL);
    for (size_t i = 0; i < snapshot->aliases.count; i++) {
        const char *at = strrchr(snapshot->aliases.entries[i].key, '@');
        if (at != NULL) {
            add(snapshot, &snapshot->domains, at + 1, "");
        }
    }
    snapshot->patterns = pattern_table_parse(
        snapshot->arena, arena_copy(snapshot->arena, patterns), "r", NULL);
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
    static const struct directory_settings settings = {
        .hostname = "host.test",
        .mydestination = "host.test localhost",
        .rules = {.myorigin = "host.test", .delimiters = "+-"},
    };
    struct arena *arena = arena_new();
    char *typed = arena_copy_bytes(arena, data, size);
    char *aliases = cut(typed);
    char *patterns = cut(aliases);
    struct snapshot *snapshot = build(aliases, patterns);
    struct address address;
    struct error error = {0};
    if (address_parse(arena, text_trim(typed), &settings.rules, &address, &error)) {
        const struct ownership_options options = {true, true, true, true};
        check(resolve_address(arena, &address, snapshot, &settings));
        ownership_find(arena, "alice@a.test", &address, snapshot, &settings, &options);
    }
    assert(arena_used(arena) < (size_t)512 << 20);
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
