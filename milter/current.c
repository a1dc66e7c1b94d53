/* SPDX-License-Identifier: MIT */
#include "current.h"

#include <pthread.h>
#include <stdlib.h>

struct current {
    pthread_mutex_t lock; /* protects both pointers; a leaf */
    struct generation *generation;
    struct snapshot *snapshot;
};

struct current *current_new(struct generation *generation, struct snapshot *snapshot)
{
    struct current *current = malloc(sizeof *current);
    if (current == NULL) {
        abort();
    }
    *current = (struct current){.generation = generation, .snapshot = snapshot};
    pthread_mutex_init(&current->lock, NULL);
    return current;
}

void current_free(struct current **current)
{
    if (*current == NULL) {
        return;
    }
    generation_free(&(*current)->generation);
    snapshot_release(&(*current)->snapshot);
    pthread_mutex_destroy(&(*current)->lock);
    free(*current);
    *current = NULL;
}

void current_hold(struct current *current, struct generation **generation,
                  struct snapshot **snapshot)
{
    pthread_mutex_lock(&current->lock);
    *generation = generation_hold(current->generation);
    *snapshot = snapshot_hold(current->snapshot);
    pthread_mutex_unlock(&current->lock);
}

struct generation *current_generation(struct current *current)
{
    pthread_mutex_lock(&current->lock);
    struct generation *generation = current->generation;
    pthread_mutex_unlock(&current->lock);
    return generation;
}

struct snapshot *current_set_snapshot(struct current *current, struct snapshot *snapshot)
{
    pthread_mutex_lock(&current->lock);
    struct snapshot *old = current->snapshot;
    current->snapshot = snapshot;
    pthread_mutex_unlock(&current->lock);
    return old;
}

struct generation *current_set_generation(struct current *current,
                                          struct generation *generation)
{
    pthread_mutex_lock(&current->lock);
    struct generation *old = current->generation;
    current->generation = generation;
    pthread_mutex_unlock(&current->lock);
    return old;
}
