/* SPDX-License-Identifier: MIT */
/* What `foregate compare` prints. */
#ifndef FOREGATE_COMMAND_COMPARE_OUTPUT_H
#define FOREGATE_COMMAND_COMPARE_OUTPUT_H

#include "record/record.h"
#include "replay/answers.h"
#include "replay/outcome.h"

#include <stdbool.h>
#include <stddef.h>

enum { UNREADABLE_SHOWN = 5 };

struct compare_totals {
    size_t transactions;
    size_t changed;
    size_t uncertain;
    size_t unreadable; /* lines */

    struct {
        const char *place; /* FILE:LINE */
        const char *reason;
    } unreadable_first[UNREADABLE_SHOWN];
};

struct compared {
    const struct record *record, *old, *new;
    const struct difference *differences;
    size_t difference_count;
    const struct missing *missing;
};

/* One transaction whose outcome changes. */
void compare_print_text(struct arena *arena, const struct compared *compared);
void compare_print_json(const struct compared *compared);

/* The end. False: nobody reads. */
bool compare_print_totals(struct arena *arena, const struct compare_totals *totals,
                          bool json);

#endif
