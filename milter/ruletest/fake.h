/* SPDX-License-Identifier: MIT */
/* What all fakes of services have. Private to them. */
#ifndef FOREGATE_RULETEST_FAKE_H
#define FOREGATE_RULETEST_FAKE_H

#include "base/arena.h"
#include "io/silence.h"

#include <pthread.h>
#include <stddef.h>

/* First member of each. */
struct fake {
    struct silence *silence; /* borrowed */
    pthread_mutex_t lock;    /* protects the rest of the fake; a leaf */
    struct arena *arena;     /* of the rest of the fake */
};

/* Of size bytes, the rest zeroed. */
void *fake_new(size_t size, struct silence *silence);

/* NULL is fine. */
void fake_free(struct fake *fake);

#endif
