/* SPDX-License-Identifier: MIT */
#include "ruletest/fake.h"

#include <stdlib.h>

void *fake_new(size_t size, struct silence *silence)
{
    struct fake *fake = calloc(1, size);
    if (fake == NULL) {
        abort();
    }
    fake->silence = silence;
    pthread_mutex_init(&fake->lock, NULL);
    fake->arena = arena_new();
    return fake;
}

void fake_free(struct fake *fake)
{
    if (fake == NULL) {
        return;
    }
    pthread_mutex_destroy(&fake->lock);
    arena_free(&fake->arena);
    free(fake);
}
