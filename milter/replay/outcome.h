/* SPDX-License-Identifier: MIT */
/* What is different between two outcomes of one transaction, for the client and for the
 * mail: verdicts, the plan, and what rules in shadow mode would have done. Who decided,
 * when, and on the way by which answers makes no difference. */
#ifndef FOREGATE_REPLAY_OUTCOME_H
#define FOREGATE_REPLAY_OUTCOME_H

#include "base/arena.h"
#include "record/record.h"

#include <stddef.h>

enum difference_kind { DIFFERENCE_VERDICT, DIFFERENCE_WOULD, DIFFERENCE_PLAN };

struct difference {
    enum difference_kind kind;
    const struct record_event *event; /* what the client said; NULL for PLAN */
    const struct verdict *old, *new;  /* NULL: none. Not for PLAN */
};

/* In the order of the events. old and new come of the same record, which may itself be old:
 * what happened. The array lives in arena. */
size_t outcome_compare(struct arena *arena, const struct record *old,
                       const struct record *new, struct difference **differences);

#endif
