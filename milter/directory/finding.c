/* SPDX-License-Identifier: MIT */
#include "directory/finding.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };

/* How often the code was added, this time included. */
static size_t count_code(struct finding_list *findings, const char *code)
{
    size_t i = 0;
    while (i + 1 < FINDING_CODES_MAX && findings->tallies[i].code != NULL &&
           strcmp(findings->tallies[i].code, code) != 0) {
        i++;
    }
    findings->tallies[i].code = code;
    return ++findings->tallies[i].count;
}

/* Counts it; false when it is not to be kept. */
static bool is_kept(struct finding_list *findings, enum finding_severity severity,
                    const char *code)
{
    if (findings == NULL) {
        return false;
    }
    findings->counts[severity]++;
    return count_code(findings, code) <= FINDINGS_KEPT_MAX;
}

static void keep(struct finding_list *findings, enum finding_severity severity,
                 const char *code, const char *file, int line, const char *message,
                 const char *remedy)
{
    findings->entries = arena_grow(findings->arena, findings->entries, findings->count,
                                   &findings->size, sizeof *findings->entries);
    findings->entries[findings->count++] = (struct finding){
        .severity = severity,
        .code = code,
        .file = file,
        .line = line,
        .message = arena_copy(findings->arena, message),
        .remedy = arena_copy(findings->arena, remedy),
    };
}

void finding_add(struct finding_list *findings, enum finding_severity severity,
                 const char *code, const char *file, int line, const char *message,
                 const char *remedy)
{
    if (is_kept(findings, severity, code)) {
        keep(findings, severity, code, file, line, message, remedy);
    }
}

void finding_add_format(struct finding_list *findings, enum finding_severity severity,
                        const char *code, const char *file, int line, const char *remedy,
                        const char *format, ...)
{
    if (!is_kept(findings, severity, code)) {
        return;
    }
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    keep(findings, severity, code, file, line, message, remedy);
}

size_t finding_count(const struct finding_list *findings, enum finding_severity severity)
{
    return findings->counts[severity];
}

/* Where the file of a finding was named first. */
static size_t file_rank(const struct finding_list *findings, const char *file)
{
    size_t i = 0;
    while (strcmp(findings->entries[i].file, file) != 0) {
        i++;
    }
    return i;
}

struct ranked {
    struct finding finding;
    size_t rank, place;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    if (a->finding.line != b->finding.line) {
        return a->finding.line < b->finding.line ? -1 : 1;
    }
    return (a->place > b->place) - (a->place < b->place);
}

void finding_sort(struct finding_list *findings)
{
    struct ranked *ranked = arena_array(findings->arena, findings->count, sizeof *ranked);
    for (size_t i = 0; i < findings->count; i++) {
        ranked[i].finding = findings->entries[i];
        ranked[i].rank = file_rank(findings, findings->entries[i].file);
        ranked[i].place = i;
    }
    if (findings->count > 0) {
        qsort(ranked, findings->count, sizeof *ranked, compare);
    }
    for (size_t i = 0; i < findings->count; i++) {
        findings->entries[i] = ranked[i].finding;
    }
}

const char *finding_severity_name(enum finding_severity severity)
{
    switch (severity) {
    case FINDING_ERROR:
        return "error";
    case FINDING_WARNING:
        return "warning";
    }
    return "?";
}
