/* SPDX-License-Identifier: MIT */
/* The rule generation and the directory snapshot that new transactions begin with. Swapped
 * whole by the reload thread; a transaction holds what it began with. */
#ifndef FOREGATE_CURRENT_H
#define FOREGATE_CURRENT_H

#include "script/engine.h"

struct current;

/* Takes both over. */
struct current *current_new(struct generation *generation, struct snapshot *snapshot);

/* With nobody left who holds anything. */
void current_free(struct current **current);

/* Any thread; give back with generation_release and snapshot_release. */
void current_hold(struct current *current, struct generation **generation,
                  struct snapshot **snapshot);

/* Borrowed: for the thread that changes it. */
struct generation *current_generation(struct current *current);

/* Reload thread. The old one is returned, to be freed when it is unused. */
struct snapshot *current_set_snapshot(struct current *current, struct snapshot *snapshot);
struct generation *current_set_generation(struct current *current,
                                          struct generation *generation);

#endif
