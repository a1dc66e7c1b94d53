/* SPDX-License-Identifier: MIT */
/* What an expansion comes to: the recipients, each once, and the ways to them. */
#ifndef FOREGATE_DIRECTORY_OUTCOME_H
#define FOREGATE_DIRECTORY_OUTCOME_H

#include "directory/resolve.h"
#include "directory/slots.h"

struct ending {
    const char *internal;
    const struct slot_origin *origin;
    enum recipient_class class;
    const char *mailbox;
    const char *source; /* of the mailbox, with its limit; or NULL */
    const char *limit;
    const char *note;
};

/* Zeroed but for the arena is empty. */
struct outcome {
    struct arena *arena;
    struct ending *endings;
    size_t count, size;
    struct expanded_recipient *doubles;
    size_t double_count, double_size;
    const struct slot_origin *known_origin; /* of the path written last, and that path */
    const struct via_step *known_path;
    size_t steps;                             /* of all ways, members of a list share one */
    const struct slot_origin *counted_origin; /* of the ending that was counted last */
};

/* Our own limits: an expansion takes no more memory than a message may. In a chain of
 * aliases that each have another target too, steps grow with the square. */
enum { OUTCOME_ENDINGS_MAX = 50000, OUTCOME_STEPS_MAX = 200000 };

void outcome_add(struct outcome *outcome, const struct ending *ending);

/* None of them when there would be too many steps. */
void outcome_add_doubles(struct outcome *outcome, const struct slots *slots);

/* Writes recipients and doubles. */
void outcome_end(struct outcome *outcome, struct expansion *expansion);

#endif
