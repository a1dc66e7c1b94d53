/* SPDX-License-Identifier: MIT */
/* What rules did in one transaction: the record behind the log line, `explain` and tests.
 */
#ifndef FOREGATE_MAIL_DECISION_H
#define FOREGATE_MAIL_DECISION_H

#include "base/arena.h"
#include "mail/verdict.h"

#include <stddef.h>

struct decision {
    const char *stage;
    const char *recipient; /* external form, NULL outside of rcpt */
    const char *rule;
    struct verdict verdict;
    bool shadow;       /* decided, logged, not carried out */
    const char *error; /* the rule failed: message and traceback */
    double elapsed_ms;
    const char *const *notes; /* what services answered on the way, for explain */
    size_t note_count;
};

struct decision_list {
    struct decision *entries;
    size_t count;
    size_t size;
    bool complete; /* also rules that had no objection, and notes: explain wants them */
    const char **notes; /* for the next decision */
    size_t note_count;
    size_t note_size;
};

/* With the notes since the last one. */
struct decision *decision_add(struct decision_list *list, struct arena *arena);

/* text lives in the arena. */
void decision_note(struct decision_list *list, struct arena *arena, const char *text);

#endif
