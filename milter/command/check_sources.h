/* SPDX-License-Identifier: MIT */
/* Whether the sources beside the volume answer: one address is asked of each. */
#ifndef FOREGATE_COMMAND_CHECK_SOURCES_H
#define FOREGATE_COMMAND_CHECK_SOURCES_H

#include "base/config.h"
#include "directory/finding.h"
#include "directory/snapshot.h"
#include "sources/sources.h"

#include <jansson.h>

struct source_trial {
    enum source_kind kind;
    const char *question; /* "account" or "domain" */
    const char *key;
    const char *answer; /* found, not found, failed */
    const char *value;  /* found: what, or NULL */
    const char *reason; /* failed: why, or NULL */
    double ms;
};

enum { SOURCE_TRIALS = 2 * SOURCE_KINDS };

/* Strings live in the arena of the findings. */
struct source_report {
    struct source_trial trials[SOURCE_TRIALS];
    size_t count;
    bool is_guess; /* of the account: nobody named one */
};

/* snapshot: of the volume, or NULL when it cannot be used. */
struct source_report check_sources(const struct config *config,
                                   const struct snapshot *snapshot,
                                   struct finding_list *findings);

json_t *source_report_json(const struct source_report *report);
void source_report_print(const struct source_report *report, struct arena *arena);

#endif
