/* SPDX-License-Identifier: MIT */
/* What sets a generation of rules apart from the one before, by name. */
#ifndef FOREGATE_RELOAD_CHANGES_H
#define FOREGATE_RELOAD_CHANGES_H

#include "base/config.h"
#include "base/log.h"
#include "reload/report.h"
#include "script/engine.h"

#include <stdbool.h>

/* Names, blanks between; those that do not fit are counted. */
struct name_list {
    char text[240];
    size_t count;
    size_t left_out;
};

enum change {
    CHANGE_CHANGED, /* rule files */
    CHANGE_ADDED,
    CHANGE_REMOVED,
    CHANGE_SETTINGS, /* options that were taken over */
    CHANGE_FIXED,    /* options that differ from those of the start: not taken over */
    CHANGE_COUNT,
};

struct changes {
    struct name_list lists[CHANGE_COUNT];
    bool fixed_is_new; /* one of these did not differ before */
};

/* start: what the program was started with. */
void changes_find(struct changes *changes, const struct generation *old,
                  const struct generation *new, const struct config *start);

/* Fields for the line of the log, but not CHANGE_FIXED. */
void changes_log(const struct changes *changes, struct log_line *line);

/* Behind what the report says already. */
void changes_report(const struct changes *changes, struct report *report);

#endif
