/* SPDX-License-Identifier: MIT */
/* The inside of a snapshot, for those who build one (dms.c, tests). Once snapshot_seal was
 * called it is only read. */
#ifndef FOREGATE_DIRECTORY_SNAPSHOT_BUILD_H
#define FOREGATE_DIRECTORY_SNAPSHOT_BUILD_H

#include "directory/pattern.h"
#include "directory/snapshot.h"
#include "directory/table.h"

#include <stdatomic.h>

struct snapshot {
    atomic_size_t references;
    uint64_t generation;
    struct arena *arena;            /* everything but PCRE2's own memory */
    struct table accounts;          /* address -> the account, folded */
    struct table aliases;           /* key -> targets */
    struct table domains;           /* managed domain -> "" */
    struct table grants;            /* login -> one thing it may send as; keys repeat */
    struct pattern_table *patterns; /* NULL: none */
    size_t quota_count;
};

/* With one reference, which snapshot_release gives back, and empty tables. */
struct snapshot *snapshot_new(void);

/* Sorts what was added; of equal keys the first counts, but for grants. */
void snapshot_seal(struct snapshot *snapshot);

#endif
