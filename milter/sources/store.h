/* SPDX-License-Identifier: MIT */
/* Answers by their questions: what a message was told already, and what a source said
 * lately. Not locked; bounded by whoever fills it. */
#ifndef FOREGATE_SOURCES_STORE_H
#define FOREGATE_SOURCES_STORE_H

#include "base/arena.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed but for the arena is empty. */
struct answer_store {
    struct arena *arena; /* of what is kept */
    void *tree;
    size_t count;
};

struct kept_answer {
    struct question question; /* first */
    struct answer answer;
    int64_t time_ms; /* monotonic: when it was given */
};

/* Copies into the arena; the same question once more replaces the answer. */
void store_keep(struct answer_store *store, const struct question *question,
                const struct answer *answer, int64_t now_ms);

/* NULL: not asked yet. Borrowed. */
const struct kept_answer *store_find(const struct answer_store *store,
                                     const struct question *question);

/* Forgets all; the arena stays the caller's. */
void store_end(struct answer_store *store);

/* All texts of an answer, in another arena. */
struct answer answer_copy(const struct answer *answer, struct arena *arena);

#endif
