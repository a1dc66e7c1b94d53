/* SPDX-License-Identifier: MIT */
/* What a rule saw and did on the way to its decision: what it read, what it was answered,
 * which notes and edits it made. Kept only where somebody will look (explain, the log at
 * level debug, a record of the transaction), and bounded: beyond the bound observations are
 * counted, not kept. Everything lives in one arena. */
#ifndef FOREGATE_MAIL_OBSERVATION_H
#define FOREGATE_MAIL_OBSERVATION_H

#include "base/arena.h"
#include "mail/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum observation_kind {
    OBSERVATION_INPUT, /* a field of session, message or recipient, or a header, was read */
    OBSERVATION_ANSWER, /* a function that asks the directory or a service */
    OBSERVATION_NOTE,   /* a note was set, or the expansion of a recipient */
    OBSERVATION_EDIT,   /* an edit was asked for */
};

/* The same thing read twice by one rule is kept once, as it was first. */
struct observation {
    struct observation *next;  /* in the order in which they began; NULL: the last */
    struct observation *alike; /* with the same hash; belongs to decision.c */
    enum observation_kind kind;
    const char *name;            /* "session.login", "quota.check", "message.notes.x" */
    struct value_list arguments; /* of the call; of a field: the recipient it is of, when
                                    that is not the one being judged; else none */
    struct value_list results;   /* nil is VALUE_NIL: nil, reason are two */
    bool returned;               /* false: raised an error, or the rule ended before */
    bool is_cut;           /* arguments or results are not whole: they are too large */
    const char *source;    /* ANSWER: "lease", "dns", "snapshot 3"; else NULL */
    const char *remark;    /* more about the source, for people, or NULL */
    struct timespec begin; /* monotonic */
    double elapsed_ms;     /* ANSWER */
};

struct observation_list {
    struct observation *first, *last;
    size_t count;
    size_t dropped_count; /* not kept: there are too many, or they are too large */
};

/* Of one rule; and what all of one message may take, in bytes. */
enum { OBSERVATION_COUNT = 1000, OBSERVATION_BYTES = 8 << 20 };

/* Zeroed but for the name, which is copied. */
struct observation *observation_add(struct observation_list *list, struct arena *arena,
                                    enum observation_kind kind, const char *name);

/* "input", "answer", "note", "edit" */
const char *observation_kind_name(enum observation_kind kind);

#endif
