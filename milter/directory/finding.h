/* SPDX-License-Identifier: MIT */
/* What is wrong with a file of the operator: where, what will happen to mail, what to write
 * instead. `check` prints findings, reload logs them. */
#ifndef FOREGATE_DIRECTORY_FINDING_H
#define FOREGATE_DIRECTORY_FINDING_H

#include "base/arena.h"

#include <stddef.h>

enum finding_severity { FINDING_ERROR, FINDING_WARNING };

struct finding {
    enum finding_severity severity;
    const char *code;    /* short, stable, "duplicate-key" */
    const char *file;    /* name as the operator knows it, "postfix-virtual.cf" */
    int line;            /* from 1; 0: the file as a whole */
    const char *message; /* what will happen to mail */
    const char *remedy;  /* what to write instead */
};

/* The caller gives the arena that strings and entries live in. */
struct finding_list {
    struct arena *arena;
    struct finding *entries;
    size_t count;
    size_t size;
};

/* message and remedy are copied. */
void finding_add(struct finding_list *findings, enum finding_severity severity,
                 const char *code, const char *file, int line, const char *message,
                 const char *remedy);
size_t finding_count(const struct finding_list *findings, enum finding_severity severity);
const char *finding_severity_name(enum finding_severity severity);

#endif
