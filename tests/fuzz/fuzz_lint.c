/* SPDX-License-Identifier: MIT */
/* The linter over a volume: accounts, aliases, patterns, local aliases and quotas, with a
 * line `%%` between them. It ends whatever is in them, and each finding is whole. */
#include "directory/dms_parse.h"
#include "directory/lint.h"

#include "parts.h"

#include <stdlib.h>
#include <unistd.h>

enum { LOOKUPS = 5000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test localhost",
    .postmaster = "alice@a.test",
    .rules = {.myorigin = "host.test", .delimiters = "+-"},
};

/* The linter reads the quotas from their file. */
static char folder[] = "/tmp/foregate-fuzz-XXXXXX";
static char quota_path[sizeof folder + sizeof DMS_QUOTAS];

static void remove_folder(void)
{
    unlink(quota_path);
    rmdir(folder);
}

static void write_quotas(struct part part)
{
    if (settings.volume == NULL) {
        settings.volume = mkdtemp(folder);
        assert(settings.volume != NULL);
        snprintf(quota_path, sizeof quota_path, "%s/" DMS_QUOTAS, folder);
        atexit(remove_folder);
    }
    FILE *file = fopen(quota_path, "w");
    assert(file != NULL);
    fwrite(part.bytes, 1, part.length, file);
    fclose(file);
}

static void read_virtual(struct snapshot *snapshot, struct part part)
{
    struct error error = {0};
    FILE *stream = part_open(part);
    dms_parse_virtual(snapshot, stream, NULL, &error);
    rewind(stream);
    dms_parse_domains(snapshot, stream, NULL, &error);
    fclose(stream);
}

static struct snapshot *build(struct part rest)
{
    struct part accounts = part_next(&rest);
    struct part aliases = part_next(&rest);
    struct part patterns = part_next(&rest);
    struct part local = part_next(&rest);
    struct error error = {0};
    write_quotas(rest);
    struct snapshot *snapshot = snapshot_new(&settings);
    FILE *stream = part_open(accounts);
    dms_parse_accounts(snapshot, stream, NULL, &error);
    fclose(stream);
    read_virtual(snapshot, aliases);
    stream = part_open(patterns);
    pattern_table_parse(snapshot->arena, stream, DMS_REGEXP, NULL, &snapshot->patterns,
                        &error);
    fclose(stream);
    table_add(&snapshot->local_aliases, "root", settings.postmaster, 0);
    stream = part_open(local);
    dms_parse_aliases(snapshot, stream, NULL, &error);
    fclose(stream);
    stream = part_open(rest);
    dms_parse_quotas(snapshot, stream, NULL, &error);
    fclose(stream);
    snapshot_seal(snapshot);
    return snapshot;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot = build((struct part){(const char *)data, size});
    lint_snapshot_within(snapshot, LOOKUPS, &findings);
    finding_sort(&findings);
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.entries[i];
        assert(finding->message[0] != '\0' && finding->remedy[0] != '\0');
        assert(finding->file[0] != '\0' && finding->line >= 0);
    }
    snapshot_release(&snapshot);
    arena_free(&arena);
    return 0;
}
