/* SPDX-License-Identifier: MIT */
/* What rules did in one transaction: the record behind the log line, `explain` and tests.
 */
#ifndef FOREGATE_MAIL_DECISION_H
#define FOREGATE_MAIL_DECISION_H

#include "base/arena.h"
#include "mail/observation.h"
#include "mail/verdict.h"

#include <stddef.h>
#include <stdint.h>

struct decision {
    const char *stage;
    const char *recipient; /* external form, NULL outside of rcpt */
    const char *rule;      /* NULL: Foregate itself refused */
    struct verdict verdict;
    bool shadow;       /* decided, logged, not carried out */
    const char *error; /* the rule failed: message and traceback */
    double elapsed_ms;
    uint64_t generation; /* of the rules */
    uint64_t snapshot;   /* of the directory */
    struct observation_list observations;
};

/* A rule may read thousands of fields: they are found by their hash. */
enum { DECISION_BUCKETS = 256 };

struct decision_list {
    struct arena *arena;    /* where entries live */
    struct arena *observed; /* where observations live: by themselves, so that they do not
                               count as what the message keeps; may be the same */
    struct decision *entries;
    size_t count;
    size_t size;
    bool complete;  /* also rules that had no objection, and observations */
    bool is_closed; /* other messages have taken the room for observations */
    struct observation_list observations; /* of the rule that runs */
    struct observation *alike[DECISION_BUCKETS];
    size_t observed_bytes; /* of all observations */
};

/* With the observations since the last one. */
struct decision *decision_add(struct decision_list *list);

/* What the running rule observed; NULL when the list is not complete or there is no room:
 * then it is counted. The arguments live as long as the list's observations. */
struct observation *decision_observe(struct decision_list *list, enum observation_kind kind,
                                     const char *name, const struct value_list *arguments);

/* Has the running rule observed this already? */
bool decision_has_observed(const struct decision_list *list, enum observation_kind kind,
                           const char *name, const struct value_list *arguments);

/* There is no room for another observation. */
bool decision_is_full(const struct decision_list *list);

#endif
