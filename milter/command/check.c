/* SPDX-License-Identifier: MIT */
/* `foregate check`: what is wrong, before mail finds out. */
#include "command/check_auth.h"
#include "command/check_quota.h"
#include "command/check_sources.h"
#include "command/check_tests.h"
#include "command/command.h"
#include "command/json.h"
#include "command/options.h"
#include "directory/dms.h"
#include "directory/lint.h"
#include "directory/resolve.h"
#include "script/engine.h"
#include "script/lint.h"
#include "settings.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: foregate check [--json]\n"
    "\n"
    "Reads configuration, rules and directory (accounts, aliases, quotas) as `run` does, "
    "and\n"
    "reports what is wrong with them: where, what will happen to mail, what to write\n"
    "instead. Runs the tests that rules name, asks the quota service about the first\n"
    "account, and each source of accounts beside the volume about directory.sample.\n"
    "\n"
    "  --json   one object: {\"findings\": [...], \"errors\": N, \"warnings\": N,\n"
    "           \"quota\": {...}, \"sources\": [...]}\n"
    "\n"
    "Exit status: 0 nothing or warnings only, 1 an error, 2 the check itself failed.\n";

/* Rules come first: only with their settings declared is the table of options complete, and
 * which names are options known. False when something is wrong with it: then no option has
 * a value to rely on. */
static bool check_config(struct config *config, struct finding_list *findings)
{
    lint_rules(config, findings);
    bool told = finding_count(findings, FINDING_ERROR) > 0;
    struct error error;
    bool declared = generation_declare(config, &error);
    if (!declared && !told) {
        lint_add_error(findings, &error);
    }
    struct config_fault *faults = NULL;
    size_t count = config_faults(config, findings->arena, &faults);
    for (size_t i = 0; i < count; i++) {
        if (declared || strcmp(faults[i].code, "unknown-option") != 0) {
            finding_add(findings, FINDING_ERROR, faults[i].code, faults[i].origin,
                        faults[i].line, faults[i].message, faults[i].remedy);
        }
    }
    return declared && count == 0;
}

/* Of an option that names an address of ours which nobody has. Its place is `FILE:LINE` or
 * a name. */
static void add_unknown_address(const struct config *config, const char *name,
                                struct finding_list *findings)
{
    char *file = arena_copy(findings->arena, config_origin(config, name));
    char *colon = strrchr(file, ':');
    int line = colon != NULL ? (int)strtol(colon + 1, NULL, 10) : 0;
    if (line > 0) {
        *colon = '\0';
    }
    finding_add_format(findings, FINDING_WARNING, "unknown-address", file, line,
                       "correct it, or add the account or alias",
                       "%s = %s: an address of ours that nobody has: it gets no mail", name,
                       config_text(config, name));
}

static void check_addresses(const struct config *config, const struct snapshot *snapshot,
                            struct finding_list *findings)
{
    if (snapshot_settings(snapshot)->others) {
        return; /* somebody else may have them */
    }
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        const char *text = config_text(config, option->name);
        if (option->type != OPTION_ADDRESS || text == NULL || *text == '\0') {
            continue;
        }
        struct address address;
        struct error ignored; /* a bad value is told already */
        if (!address_parse(findings->arena, text, &snapshot_settings(snapshot)->rules,
                           &address, &ignored)) {
            continue;
        }
        const struct directory directory = directory_of(snapshot);
        const struct expansion *expansion =
            resolve_address(findings->arena, &address, &directory);
        if (expansion->status == EXPANSION_UNKNOWN &&
            expansion->domain_class == CLASS_MAILBOX) {
            add_unknown_address(config, option->name, findings);
        }
    }
}

/* NULL: there is no directory, and why stands in findings. */
static struct snapshot *check_directory(const struct config *config,
                                        struct finding_list *findings)
{
    struct directory_settings settings;
    struct error error;
    if (!settings_directory(config, findings->arena, &settings, &error)) {
        finding_add(findings, FINDING_ERROR, "directory", "", 0, error.text, "");
        return NULL;
    }
    struct snapshot *snapshot = dms_read(&settings, findings);
    lint_snapshot(snapshot, findings);
    check_addresses(config, snapshot, findings);
    finding_sort(findings);
    return snapshot;
}

static json_t *finding_json(const struct finding *finding)
{
    json_t *object = json_object();
    json_object_set_new(object, "severity",
                        json_text(finding_severity_name(finding->severity)));
    json_object_set_new(object, "code", json_text(finding->code));
    json_object_set_new(object, "file", json_text(finding->file));
    json_object_set_new(object, "line", json_integer(finding->line));
    json_object_set_new(object, "message", json_text(finding->message));
    json_object_set_new(object, "remedy", json_text(finding->remedy));
    return object;
}

/* Also those that are not shown. */
static json_t *total_json(const struct finding_list *findings,
                          enum finding_severity severity)
{
    return json_integer((json_int_t)finding_count(findings, severity));
}

static bool print_json(const struct finding_list *findings,
                       const struct quota_report *quota,
                       const struct source_report *sources)
{
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        json_array_append_new(array, finding_json(&findings->entries[i]));
    }
    json_t *object = json_object();
    json_object_set_new(object, "findings", array);
    json_object_set_new(object, "errors", total_json(findings, FINDING_ERROR));
    json_object_set_new(object, "warnings", total_json(findings, FINDING_WARNING));
    json_object_set_new(object, "quota", quota_report_json(quota));
    json_object_set_new(object, "sources", source_report_json(sources));
    return json_print(object);
}

/* Files may hold anything: nothing of them reaches the terminal as a control character. */
static const char *printable(const struct finding_list *findings, const char *text)
{
    return text_printable(findings->arena, text, strlen(text));
}

static void print_finding(const struct finding_list *findings,
                          const struct finding *finding)
{
    if (finding->file != NULL && *finding->file != '\0') {
        printf("%s:", printable(findings, finding->file));
        if (finding->line > 0) {
            printf("%d:", finding->line);
        }
        putchar(' ');
    }
    printf("%s: %s [%s]\n", finding_severity_name(finding->severity),
           printable(findings, finding->message), finding->code);
    if (finding->remedy != NULL && *finding->remedy != '\0') {
        printf("    %s\n", printable(findings, finding->remedy));
    }
}

static bool print_text(const struct finding_list *findings, const struct snapshot *snapshot,
                       const struct quota_report *quota,
                       const struct source_report *sources)
{
    for (size_t i = 0; i < findings->count; i++) {
        print_finding(findings, &findings->entries[i]);
    }
    size_t errors = finding_count(findings, FINDING_ERROR);
    size_t warnings = finding_count(findings, FINDING_WARNING);
    if (errors + warnings > findings->count) {
        printf("not shown: %zu more of the same kinds\n",
               errors + warnings - findings->count);
    }
    if (snapshot != NULL) {
        struct snapshot_counts counts = snapshot_counts(snapshot);
        printf(
            "directory: %zu accounts, %zu aliases, %zu patterns, %zu domains, %zu quotas\n",
            counts.accounts, counts.aliases, counts.patterns, counts.domains,
            counts.quotas);
    }
    source_report_print(sources, findings->arena);
    quota_report_print(quota, findings->arena);
    printf("errors: %zu, warnings: %zu\n", errors, warnings);
    return options_flush();
}

int command_check(struct config *config, int argc, char **argv)
{
    bool json = false;
    const struct option_flag flags[] = {{"--json", &json}, {NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_GO_ON:
        break;
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    }
    if (argc > 1) {
        return options_misused(argv[0], "takes no operands");
    }
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    bool is_sound = check_config(config, &findings);
    if (is_sound) {
        check_tests(config, &findings);
        check_auth(config, &findings);
    }
    struct snapshot *snapshot = check_directory(config, &findings);
    struct quota_report quota = {0};
    struct source_report sources = {.count = 0};
    if (is_sound) {
        sources = check_sources(config, snapshot, &findings);
    }
    if (is_sound && snapshot != NULL) {
        quota = check_quota(config, snapshot, &findings);
    }
    bool printed = json ? print_json(&findings, &quota, &sources)
                        : print_text(&findings, snapshot, &quota, &sources);
    bool errors = finding_count(&findings, FINDING_ERROR) > 0;
    if (snapshot != NULL) {
        snapshot_release(&snapshot);
    }
    arena_free(&arena);
    return !printed ? options_unwritten("check") : errors ? STATUS_FINDING : STATUS_OK;
}
