/* SPDX-License-Identifier: MIT */
/* `foregate compare`: recorded transactions through two sets of rules. */
#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "command/compare_output.h"
#include "command/compare_rules.h"
#include "command/options.h"
#include "record/lines.h"
#include "replay/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: foregate compare [--json] OLD NEW RECORD...\n"
    "\n"
    "Plays transactions that `run` recorded (option record) through two sets of rules, "
    "and\n"
    "prints those that end in another way: verdicts, the plan, and what rules in shadow "
    "mode\n"
    "would have done. Asks no service and changes nothing: answers come from the record.\n"
    "\n"
    "  OLD, NEW  a folder of rule files, which win over those of rules.path; or a\n"
    "            configuration, in place of the one of -c\n"
    "            - as OLD: what really happened\n"
    "  RECORD    a file of records, - for standard input\n"
    "  --json    one object for each such transaction, and one with the totals\n"
    "\n"
    "A transaction is uncertain when the rules wanted to know what is not in its record.\n"
    "\n"
    "Exit status: 0 nothing changes, 1 something does, 2 it could not do its work.\n";

struct comparing {
    struct compare_rules old, new;
    bool has_old; /* else: what was recorded */
    bool json;
    struct arena *arena; /* of the whole run */
    struct compare_totals totals;
};

/* False: nobody reads any more. */
static bool compare_record(struct comparing *comparing, const struct record *record,
                           struct arena *arena)
{
    struct record old = *record;
    struct record new;
    struct missing missing = {0};
    struct transaction *before = NULL;
    if (comparing->has_old) {
        before =
            replay_record(&comparing->old.parts.transactions,
                          &comparing->old.parts.services, record, arena, &old, &missing);
    }
    struct transaction *after =
        replay_record(&comparing->new.parts.transactions, &comparing->new.parts.services,
                      record, arena, &new, &missing);
    struct difference *differences;
    size_t count = outcome_compare(arena, &old, &new, &differences);
    const struct compared compared = {
        .record = record,
        .old = &old,
        .new = &new,
        .differences = differences,
        .difference_count = count,
        .missing = &missing,
    };
    comparing->totals.transactions++;
    comparing->totals.changed += count > 0;
    comparing->totals.uncertain += missing.count > 0;
    if (count > 0 && comparing->json) {
        compare_print_json(&compared);
    } else if (count > 0) {
        compare_print_text(arena, &compared);
    }
    transaction_free(&before);
    transaction_free(&after);
    return ferror(stdout) == 0;
}

static void note_unreadable(struct comparing *comparing, const char *place,
                            const char *reason)
{
    struct compare_totals *totals = &comparing->totals;
    size_t number = totals->unreadable++;
    if (number < UNREADABLE_SHOWN) {
        totals->unreadable_first[number].place = arena_copy(comparing->arena, place);
        totals->unreadable_first[number].reason = arena_copy(comparing->arena, reason);
    }
}

/* False: it makes no sense to go on. */
static bool compare_line(struct comparing *comparing, const struct record_lines *line,
                         const char *path, struct error *error)
{
    struct record record;
    struct error problem;
    bool goes_on = true;
    if (line->length == 0) {
        return true;
    }
    struct arena *arena = arena_new();
    const char *place = arena_format(arena, "%s:%d", path, line->number);
    switch (record_read(arena, line->text, line->length, &record, &problem)) {
    case RECORD_READ:
        goes_on = compare_record(comparing, &record, arena) ||
                  error_set(error, ERROR_SYSTEM, "cannot write the output");
        break;
    case RECORD_BROKEN:
        note_unreadable(comparing, place, problem.text);
        break;
    case RECORD_NEWER:
        goes_on = error_set(error, ERROR_CONFIG, "%s: %s", place, problem.text);
        break;
    }
    arena_free(&arena);
    return goes_on;
}

static bool compare_file(struct comparing *comparing, const char *path, struct error *error)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *stream = is_input ? stdin : fopen(path, "re");
    if (stream == NULL) {
        return error_set(error, ERROR_SYSTEM, "%s: cannot read it: %s", path,
                         strerror(errno));
    }
    struct record_lines lines;
    record_lines_init(&lines, stream, RECORD_LINE_BYTES);
    bool ok = true;
    while (ok && record_lines_next(&lines)) {
        ok = compare_line(comparing, &lines, is_input ? "standard input" : path, error);
    }
    if (ok && ferror(stream) != 0) {
        ok =
            error_set(error, ERROR_SYSTEM, "%s: cannot read it: %s", path, strerror(errno));
    }
    record_lines_deinit(&lines);
    if (!is_input) {
        fclose(stream);
    }
    return ok;
}

static bool open_rules(struct comparing *comparing, const struct config *config,
                       const char *old, const char *new, struct error *error)
{
    comparing->has_old = strcmp(old, "-") != 0;
    if (comparing->has_old && !compare_rules_open(&comparing->old, config, old, error)) {
        return error_wrap(error, "OLD");
    }
    return compare_rules_open(&comparing->new, config, new, error) ||
           error_wrap(error, "NEW");
}

static int compare(struct config *config, struct comparing *comparing, int argc,
                   char **argv)
{
    struct error error = {0};
    bool ok = open_rules(comparing, config, argv[1], argv[2], &error);
    log_configure(LOG_NONE, LOG_FORMAT_TEXT); /* of mail long gone */
    for (int i = 3; ok && i < argc; i++) {
        ok = compare_file(comparing, argv[i], &error);
    }
    if (!ok) {
        fflush(stdout);
        return options_fail("compare", &error);
    }
    const struct compare_totals *totals = &comparing->totals;
    if (!compare_print_totals(comparing->arena, totals, comparing->json) ||
        (totals->transactions == 0 && totals->unreadable > 0)) {
        return STATUS_FAILED;
    }
    return totals->changed > 0 ? STATUS_FINDING : STATUS_OK;
}

int command_compare(struct config *config, int argc, char **argv)
{
    struct comparing comparing = {0};
    const struct option_flag flags[] = {{"--json", &comparing.json}, {NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    case OPTIONS_GO_ON:
        break;
    }
    if (argc < 4) {
        return options_misused("compare", "takes OLD, NEW and at least one RECORD");
    }
    comparing.arena = arena_new();
    int status = compare(config, &comparing, argc, argv);
    compare_rules_close(&comparing.old);
    compare_rules_close(&comparing.new);
    arena_free(&comparing.arena);
    return status;
}
