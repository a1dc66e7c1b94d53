/* SPDX-License-Identifier: MIT */
#include "command/check_sources.h"

#include "backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* An address to ask about: the operator's, or an account of the volume, or one that most
 * domains have, which is a guess. */
static const char *sample_address(const struct config *config,
                                  const struct snapshot *snapshot, struct arena *arena,
                                  bool *is_guess)
{
    const char *given = config_text(config, "directory.sample");
    const char *account = snapshot_first_account(snapshot);
    const char *domain;
    size_t cursor = 0;
    *is_guess = false;
    if (given != NULL && *given != '\0') {
        return text_fold_copy(arena, given);
    }
    if (account != NULL) {
        return account;
    }
    *is_guess = true;
    if (!snapshot_next_domain(snapshot, &cursor, &domain)) {
        domain = config_domain(config_text(config, "hostname"));
    }
    return arena_format(arena, "postmaster@%s", domain);
}

static void add_failure(const struct source_trial *trial, struct finding_list *findings)
{
    const char *name = source_kind_name(trial->kind);
    finding_add_format(
        findings, FINDING_WARNING, "source-failed", "", 0,
        arena_format(findings->arena,
                     "Mend it; what its options say stands in the output of `foregate "
                     "config` below %s.",
                     name),
        "The source %s cannot tell the %s %s: %s. While that is so, its last answers "
        "serve for %s.stale, and then %s.on_failure decides",
        name, trial->question, trial->key, trial->reason, name, name);
}

static void try_one(struct backends *backends, size_t index,
                    const struct snapshot *snapshot, const struct question *question,
                    struct source_report *report, struct finding_list *findings)
{
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct answer answer =
        sources_try(backends->sources, index, snapshot, question, findings->arena);
    struct source_trial *trial = &report->trials[report->count++];
    *trial = (struct source_trial){
        .kind = sources_kind(backends->sources, index),
        .question = question->kind == QUESTION_DOMAIN ? "domain" : "account",
        .key = question->key,
        .answer = answer_kind_name(answer.kind),
        /* Of a domain, an answer may be everybody who is there. */
        .value = question->kind == QUESTION_DOMAIN ? NULL : answer.value,
        .reason = answer.kind == ANSWER_FAILED ? answer.reason : NULL,
        .ms = clock_elapsed_ms(&begin),
    };
    if (answer.kind == ANSWER_FAILED) {
        add_failure(trial, findings);
    }
}

static void try_all(struct backends *backends, const struct snapshot *snapshot,
                    const char *address, struct source_report *report,
                    struct finding_list *findings)
{
    const struct question account = {QUESTION_MAILBOX, address};
    const char *at = strrchr(address, '@');
    const struct question domain = {QUESTION_DOMAIN, at != NULL ? at + 1 : ""};
    for (size_t i = 0; i < sources_count(backends->sources); i++) {
        enum source_kind kind = sources_kind(backends->sources, i);
        if (kind == SOURCE_LDAP) {
            try_one(backends, i, snapshot, &domain, report, findings);
        }
        if (kind != SOURCE_DMS) {
            try_one(backends, i, snapshot, &account, report, findings);
        }
    }
}

static void add_table_findings(const struct backends *backends,
                               struct finding_list *findings)
{
    const struct finding_list *found = backends_findings(backends);
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        const struct finding *finding = &found->entries[i];
        finding_add(findings, finding->severity, finding->code,
                    arena_copy(findings->arena, finding->file), finding->line,
                    finding->message, finding->remedy);
    }
}

/* Nothing would be judged, and nothing would say so. */
static void check_domains(const struct backends *backends, const struct snapshot *snapshot,
                          struct finding_list *findings)
{
    size_t cursor = 0;
    const char *domain;
    bool is_known = snapshot_next_domain(snapshot, &cursor, &domain);
    for (size_t i = 0; i < sources_count(backends->sources); i++) {
        is_known = is_known || sources_kind(backends->sources, i) == SOURCE_LDAP;
    }
    if (!is_known) {
        finding_add(findings, FINDING_WARNING, "no-domain", "", 0,
                    "No domain is ours: all mail is left to Postfix, whoever it is for",
                    "Name the domains in directory.domains: a userdb and a script know "
                    "none");
    }
}

/* A script that does not load is a finding of its own. */
static bool is_told(const struct finding_list *findings, const char *message)
{
    size_t i = 0;
    while (i < findings->count && strcmp(findings->entries[i].message, message) != 0) {
        i++;
    }
    return i < findings->count;
}

struct source_report check_sources(const struct config *config,
                                   const struct snapshot *snapshot,
                                   struct finding_list *findings)
{
    struct source_report report = {.count = 0};
    struct backends backends;
    struct error error = {0};
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT); /* what fails is a finding here */
    if (!backends_start(&backends, config, NULL, &error)) {
        if (is_told(findings, error.text)) {
            return report;
        }
        finding_add(findings, FINDING_ERROR, "source", "", 0,
                    arena_copy(findings->arena, error.text),
                    "Mend it; until then `run` does not start");
        return report;
    }
    if (backends.sources != NULL && snapshot != NULL) {
        const char *address =
            sample_address(config, snapshot, findings->arena, &report.is_guess);
        try_all(&backends, snapshot, address, &report, findings);
        check_domains(&backends, snapshot, findings);
    }
    add_table_findings(&backends, findings);
    backends_stop(&backends);
    return report;
}

json_t *source_report_json(const struct source_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct source_trial *trial = &report->trials[i];
        json_t *object = json_object();
        json_object_set_new(object, "source", json_text(source_kind_name(trial->kind)));
        json_object_set_new(object, "question", json_text(trial->question));
        json_object_set_new(object, "key", json_text(trial->key));
        json_object_set_new(object, "answer", json_text(trial->answer));
        json_object_set_new(object, "value", json_text(trial->value));
        json_object_set_new(object, "reason", json_text(trial->reason));
        json_object_set_new(object, "ms", json_real(trial->ms));
        json_array_append_new(array, object);
    }
    return array;
}

void source_report_print(const struct source_report *report, struct arena *arena)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct source_trial *trial = &report->trials[i];
        const char *more = trial->reason != NULL ? trial->reason : trial->value;
        const char *line =
            arena_format(arena, "source %s: %s %s: %s%s%s", source_kind_name(trial->kind),
                         trial->question, trial->key, trial->answer,
                         more != NULL ? ", " : "", more != NULL ? more : "");
        printf("%s (%.1f ms)\n", text_printable(arena, line, strlen(line)), trial->ms);
        if (report->is_guess && strcmp(trial->question, "account") == 0 &&
            strcmp(trial->answer, "not found") == 0) {
            puts("    That is a guess: name an account of it in directory.sample");
        }
    }
}
