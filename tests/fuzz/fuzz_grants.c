/* SPDX-License-Identifier: MIT */
/* Any bytes as the may_send_as file; what it allows is allowed, and nothing else. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test",
    .rules = {.myorigin = "host.test", .delimiters = "+"},
};

static struct snapshot *read_grants(struct part part, struct finding_list *findings)
{
    struct snapshot *snapshot = snapshot_new(&settings);
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read = dms_parse_grants(snapshot, stream, "may-send-as", findings, &error);
    assert(read == part_is_text(part) && read == (error.text[0] == '\0'));
    fclose(stream);
    return snapshot;
}

static void check_rewritten(struct part part, const struct snapshot *snapshot)
{
    struct snapshot *other = read_grants(part, NULL);
    check_same_entries(&snapshot->grants, &other->grants);
    snapshot_release(&other);
}

/* Allowed to one login, an address is not to another. */
static void check_permission(struct arena *arena, const struct snapshot *snapshot,
                             const struct table_entry *grant)
{
    const char *text =
        grant->value[0] == '@' ? arena_format(arena, "any%s", grant->value) : grant->value;
    struct address address;
    struct error error = {0};
    struct table_entry nobody;
    if (strcmp(text, "*") == 0) {
        text = "who@ever.test";
    }
    if (!address_parse(arena, text, &settings.rules, &address, &error) ||
        !text_equal_folded(address.key, text)) {
        return; /* no address to Postfix, or written in other quotes */
    }
    assert(snapshot_may_send_as(snapshot, grant->key, address.key) > 0);
    if (!table_find(&snapshot->grants, "nobody", &nobody)) {
        assert(snapshot_may_send_as(snapshot, "nobody", address.key) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part part = {(const char *)data, size};
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot = read_grants(part, &findings);
    struct table_entry grant;
    size_t cursor = 0;
    check_findings(&findings);
    check_entries(&snapshot->grants);
    while (table_next(&snapshot->grants, &cursor, &grant)) {
        assert(grant.key[0] != '\0' && grant.line > 0);
        assert(strcmp(grant.value, "*") == 0 || strchr(grant.value, '@') != NULL);
        assert(strpbrk(grant.value, " \t\n\v\f\r,") == NULL);
        check_permission(arena, snapshot, &grant);
    }
    if (part_is_text(part)) {
        check_rewritten(part_insert(arena, part, "\n# a@x.test: *"), snapshot);
        check_rewritten(part_insert(arena, part, "\r"), snapshot);
    }
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
