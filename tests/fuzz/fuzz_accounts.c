/* SPDX-License-Identifier: MIT */
/* Any bytes as postfix-accounts.cf and, behind a line `%%`, as dovecot-quotas.cf: each line
 * is an account or a finding, and no finding depends on what stands behind a `|`. */
#include "directory/dms_parse.h"
#include "directory/line.h"

#include "base/text.h"
#include "parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test",
    .rules = {.myorigin = "host.test", .delimiters = "+"},
};

struct reading {
    struct snapshot *snapshot;
    struct finding_list findings;
};

static struct reading read_accounts(struct arena *arena, struct part accounts)
{
    struct reading reading = {.snapshot = snapshot_new(&settings),
                              .findings = {.arena = arena}};
    struct error error = {0};
    FILE *stream = part_open(accounts);
    bool read = dms_parse_accounts(reading.snapshot, stream, &reading.findings, &error);
    assert(read == part_is_text(accounts) && read == (error.text[0] == '\0'));
    fclose(stream);
    check_findings(&reading.findings);
    return reading;
}

static void read_quotas(struct reading *reading, struct part quotas)
{
    struct error error = {0};
    FILE *stream = part_open(quotas);
    bool read = dms_parse_quotas(reading->snapshot, stream, &reading->findings, &error);
    assert(read == part_is_text(quotas));
    fclose(stream);
    check_findings(&reading->findings);
}

/* Everything behind the first `|` of a line is `x`. */
static struct part hide_secrets(struct arena *arena, struct part accounts)
{
    char *copy = arena_copy_bytes(arena, accounts.bytes, accounts.length);
    bool secret = false;
    for (size_t i = 0; i < accounts.length; i++) {
        if (copy[i] == '\n' || copy[i] == '\0') {
            secret = false;
        } else if (secret) {
            copy[i] = 'x';
        } else {
            secret = copy[i] == '|';
        }
    }
    return (struct part){copy, accounts.length};
}

/* A model of what makes a line an account. */
static bool is_account(char *text)
{
    char *bar = strchr(text, '|');
    bool is_safe = bar != NULL || strpbrk(text, "{$:") == NULL;
    if (bar != NULL) {
        *bar = '\0';
    }
    const char *at = strchr(text, '@');
    return is_safe && at != NULL && at > text && at[1] != '\0' &&
           strpbrk(text, " \t\n\v\f\r") == NULL;
}

/* Up to a second `@`, words with commas between them. */
static void check_domains(const struct snapshot *snapshot, char *domain)
{
    struct table_entry entry;
    const char *words = domain;
    const char *word;
    size_t length;
    domain[strcspn(domain, "@")] = '\0';
    while (text_next_word(&words, &word, &length)) {
        char *copy = strndup(word, length);
        assert(table_find(&snapshot->domains, copy, &entry));
        free(copy);
    }
}

/* Each account line is in the table, under its folded login, and its domain is managed. */
static void check_accounts(struct part accounts, const struct snapshot *snapshot)
{
    struct line_reader reader;
    struct line line;
    FILE *stream = part_open(accounts);
    size_t count = 0;
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        struct table_entry entry;
        if (is_account(line.text)) {
            count++;
            text_fold(line.text);
            assert(table_find(&snapshot->accounts, line.text, &entry));
            assert(entry.line <= line.number);
            assert(entry.value[0] == '\0' || text_equal_folded(entry.value, entry.key));
            check_domains(snapshot, strchr(line.text, '@') + 1);
        }
    }
    line_reader_deinit(&reader);
    fclose(stream);
    assert(snapshot->accounts.count + snapshot->accounts.twins == count);
    assert(snapshot->domains.twins == 0);
}

static void check_limits(const struct snapshot *snapshot)
{
    struct table_entry limit;
    struct table_entry account;
    size_t cursor = 0;
    check_entries(&snapshot->limits);
    assert(snapshot->limits.twins == 0);
    while (table_next(&snapshot->limits, &cursor, &limit)) {
        assert(dms_is_limit(limit.value));
        assert(table_find(&snapshot->accounts, limit.key, &account));
    }
}

/* The limits of the accounts are not said in findings about dovecot-quotas.cf. */
static void hide_limits(struct snapshot *snapshot, const struct table *limits)
{
    struct table_entry limit;
    size_t cursor = 0;
    table_deinit(&snapshot->limits);
    while (table_next(limits, &cursor, &limit)) {
        table_add(&snapshot->limits, limit.key, "1", limit.line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part quotas = {(const char *)data, size};
    struct part accounts = part_next(&quotas);
    struct reading plain = read_accounts(arena, accounts);
    struct reading hidden = read_accounts(arena, hide_secrets(arena, accounts));
    check_same_findings(&plain.findings, &hidden.findings, "bad-quota");
    check_same_findings(&hidden.findings, &plain.findings, "bad-quota");
    for (size_t i = 0; i < plain.findings.count; i++) {
        const struct finding *finding = &plain.findings.entries[i];
        assert(strcmp(finding->code, "bad-quota") != 0 ||
               text_starts_folded(finding->message, "The quota among the extra fields is"));
    }
    check_same_entries(&plain.snapshot->accounts, &hidden.snapshot->accounts);
    check_same_entries(&plain.snapshot->domains, &hidden.snapshot->domains);
    check_entries(&plain.snapshot->accounts);
    check_accounts(accounts, plain.snapshot);
    check_limits(plain.snapshot);

    hide_limits(hidden.snapshot, &plain.snapshot->limits);
    plain.findings.count = hidden.findings.count = 0;
    memset(plain.findings.counts, 0, sizeof plain.findings.counts);
    memset(hidden.findings.counts, 0, sizeof hidden.findings.counts);
    read_quotas(&plain, quotas);
    read_quotas(&hidden, quotas);
    check_same_findings(&plain.findings, &hidden.findings, "");
    check_same_findings(&hidden.findings, &plain.findings, "");
    check_limits(plain.snapshot);
    snapshot_release(&plain.snapshot);
    snapshot_release(&hidden.snapshot);
    arena_free(&arena);
    return 0;
}
