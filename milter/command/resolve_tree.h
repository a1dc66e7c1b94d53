/* SPDX-License-Identifier: MIT */
/* The ways of an expansion as one tree: inner nodes are addresses that an alias replaced,
 * leaves are where mail ends up. */
#ifndef FOREGATE_COMMAND_RESOLVE_TREE_H
#define FOREGATE_COMMAND_RESOLVE_TREE_H

#include "base/arena.h"
#include "directory/resolve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *parent;
    struct tree_node *first, *last;             /* children */
    struct tree_node *next;                     /* sibling */
    size_t depth;                               /* of a child of the root: 1 */
    const char *address;                        /* NULL: the root */
    const struct via_step *alias;               /* that replaced it; NULL: a leaf */
    const struct expanded_recipient *recipient; /* of a leaf */
    bool again;                                 /* a leaf that stands elsewhere as well */
    uint64_t hash;                              /* of the addresses down to it */
    struct tree_node *chained;                  /* in the hash table */
};

/* In the arena; borrows from expansion. Returns the root, which stands for nothing. */
const struct tree_node *resolve_tree_new(struct arena *arena,
                                         const struct expansion *expansion);

/* Parents before their children; NULL behind the last node. */
const struct tree_node *resolve_tree_next(const struct tree_node *node);

#endif
