/* SPDX-License-Identifier: MIT */
/* The inside of a snapshot, for those who build one (dms.c, tests) or look through all of
 * it (lint). Once snapshot_seal was called it is only read. */
#ifndef FOREGATE_DIRECTORY_SNAPSHOT_BUILD_H
#define FOREGATE_DIRECTORY_SNAPSHOT_BUILD_H

#include "directory/pattern.h"
#include "directory/snapshot.h"
#include "directory/table.h"

#include <stdatomic.h>

struct snapshot {
    atomic_size_t references;
    uint64_t generation;
    uint64_t digest;                    /* of the files, see snapshot_digest */
    struct directory_settings settings; /* with the delimiters that are in force */
    struct arena *arena;                /* of patterns and other small things */
    struct table accounts;      /* address -> spelling in the file, or "" for the same */
    struct table aliases;       /* key of postfix-virtual.cf -> targets */
    struct table alias_domains; /* keys without `@` in small letters -> "" */
    struct table local_aliases; /* name of postfix-aliases.cf -> targets */
    struct table domains;       /* managed domain -> "" */
    struct table limits;        /* account -> quota limit as written */
    struct table grants;        /* login -> one thing it may send as; keys repeat */
    struct pattern_table *patterns; /* NULL: none */
};

/* With one reference, which snapshot_release gives back, and empty tables. */
struct snapshot *snapshot_new(const struct directory_settings *settings);

/* Nothing more is added. */
void snapshot_seal(struct snapshot *snapshot);

#endif
