/* SPDX-License-Identifier: MIT */
/* All that is known of addresses: a snapshot, and sources beside it that may have to be
 * waited for. Who resolves, rewrites or judges a sender asks here, on a thread that may
 * wait. */
#ifndef FOREGATE_DIRECTORY_DIRECTORY_H
#define FOREGATE_DIRECTORY_DIRECTORY_H

#include "base/arena.h"
#include "directory/snapshot.h"

#include <stdint.h>

/* Borrowed by whoever asks. */
struct directory {
    const struct snapshot *snapshot;
    /* Asks in place of the snapshot, which may be one of those it asks. It may wait, until
     * the deadline. NULL: the snapshot knows all, and answers at once. */
    struct answer (*ask)(const struct directory *directory, const struct question *question,
                         struct arena *arena);
    void *context;       /* of ask */
    int64_t deadline_ms; /* monotonic; 0: each source has its own time */
    const char **doubt;  /* set to the reason of an answer that is not certain; or NULL */
};

/* Strings of the answer live as long as the snapshot, or in the arena. */
static inline struct answer directory_answer(const struct directory *directory,
                                             const struct question *question,
                                             struct arena *arena)
{
    struct answer answer = directory->ask == NULL
                               ? snapshot_answer(directory->snapshot, question, arena)
                               : directory->ask(directory, question, arena);
    if (answer.reason != NULL && directory->doubt != NULL) {
        *directory->doubt = answer.reason;
    }
    return answer;
}

/* Whether an answer may have to be waited for. */
static inline bool directory_waits(const struct directory *directory)
{
    return directory->ask != NULL;
}

/* Whether a domain (folded) is one of ours, in its A-labels or its U-labels. */
struct answer directory_find_domain(const struct directory *directory, const char *domain,
                                    struct arena *arena);

/* A snapshot alone. */
static inline struct directory directory_of(const struct snapshot *snapshot)
{
    return (struct directory){.snapshot = snapshot};
}

#endif
