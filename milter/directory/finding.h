/* SPDX-License-Identifier: MIT */
/* What is wrong with a file of the operator: where, what will happen to mail, what to write
 * instead. `check` prints findings, reload logs them. */
#ifndef FOREGATE_DIRECTORY_FINDING_H
#define FOREGATE_DIRECTORY_FINDING_H

#include "base/arena.h"

#include <stddef.h>

enum finding_severity { FINDING_ERROR, FINDING_WARNING };

enum { FINDING_SEVERITIES = FINDING_WARNING + 1 };

struct finding {
    enum finding_severity severity;
    const char *code;    /* short, stable, "duplicate-key" */
    const char *file;    /* name as the operator knows it, "postfix-virtual.cf" */
    int line;            /* from 1; 0: the file as a whole */
    const char *message; /* what will happen to mail */
    const char *remedy;  /* what to write instead */
};

/* Of the same mistake in a million lines no more is kept than somebody could read, and it
 * does not crowd out others: this many of each code. Codes beyond the last share its place.
 */
enum { FINDINGS_KEPT_MAX = 1000, FINDING_CODES_MAX = 128 };

struct finding_tally {
    const char *code;
    size_t count;
};

/* The caller gives the arena that strings and entries live in. */
struct finding_list {
    struct arena *arena;
    struct finding *entries;
    size_t count; /* of entries */
    size_t size;
    size_t counts[FINDING_SEVERITIES]; /* of all, kept or not */
    struct finding_tally tallies[FINDING_CODES_MAX];
};

/* message and remedy are copied; code and file live as long as the program. A NULL list is
 * fine: nobody wants to know. */
void finding_add(struct finding_list *findings, enum finding_severity severity,
                 const char *code, const char *file, int line, const char *message,
                 const char *remedy);

/* The same, with the message made on the way. */
void finding_add_format(struct finding_list *findings, enum finding_severity severity,
                        const char *code, const char *file, int line, const char *remedy,
                        const char *format, ...) __attribute__((format(printf, 7, 8)));

size_t finding_count(const struct finding_list *findings, enum finding_severity severity);

/* By file, in the order in which the files came first, then by line. */
void finding_sort(struct finding_list *findings);

const char *finding_severity_name(enum finding_severity severity);

#endif
