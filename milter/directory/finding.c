/* SPDX-License-Identifier: MIT */
#include "directory/finding.h"

#include <string.h>

void finding_add(struct finding_list *findings, enum finding_severity severity,
                 const char *code, const char *file, int line, const char *message,
                 const char *remedy)
{
    if (findings->count == findings->size) {
        size_t size = findings->size > 0 ? findings->size * 2 : 16;
        struct finding *entries = arena_array(findings->arena, size, sizeof *entries);
        if (findings->count > 0) {
            memcpy(entries, findings->entries, findings->count * sizeof *entries);
        }
        findings->entries = entries;
        findings->size = size;
    }
    findings->entries[findings->count++] = (struct finding){
        .severity = severity,
        .code = code,
        .file = file,
        .line = line,
        .message = arena_copy(findings->arena, message),
        .remedy = arena_copy(findings->arena, remedy),
    };
}

size_t finding_count(const struct finding_list *findings, enum finding_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        count += findings->entries[i].severity == severity;
    }
    return count;
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
