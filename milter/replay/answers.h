/* SPDX-License-Identifier: MIT */
/* The answers of a recorded transaction, for rules that ask again; and what rules wanted to
 * know that is not in the record. */
#ifndef FOREGATE_REPLAY_ANSWERS_H
#define FOREGATE_REPLAY_ANSWERS_H

#include "base/arena.h"
#include "record/record.h"
#include "script/engine.h"

#include <stdbool.h>
#include <stddef.h>

enum { MISSING_NAMED = 8 };

/* What could make the outcome another one than it would have been then. */
struct missing {
    const char *what[MISSING_NAMED]; /* each once, for people */
    size_t count;                    /* of all, also those that are not named */
};

void missing_add(struct missing *missing, struct arena *arena, const char *what);

struct answers;

/* record and missing are borrowed. directory: the digest of the one that is asked for what
 * is not recorded. */
struct answers *answers_new(struct arena *arena, const struct record *record,
                            uint64_t directory, struct missing *missing);

/* For struct replay, whose context the answers are. The same function with the same
 * arguments at the same stage and recipient, in the order in which they were asked; else
 * elsewhere in the transaction. Of what was not asked then, the directory and the clock are
 * asked now; all others are answered by nil, "not recorded". */
enum replay_result answers_find(void *context, const struct stage_call *stage,
                                const char *name, const struct value_list *arguments,
                                struct value_list *results);

#endif
