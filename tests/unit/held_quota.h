/* SPDX-License-Identifier: MIT */
/* A fake quota service that answers nobody before so many ask at once. */
#ifndef FOREGATE_TESTS_HELD_QUOTA_H
#define FOREGATE_TESTS_HELD_QUOTA_H

#include "ruletest/fake_quota.h"

#include <stdatomic.h>

struct held_quota {
    struct fake_quota *fake;     /* that answers in the end */
    atomic_size_t until;         /* 0, 1: at once */
    struct quota_request *first; /* loop thread, like count */
    size_t count;
};

/* A quota_script. */
static inline void held_quota_ask(void *argument, struct quota_request *question)
{
    struct held_quota *held = argument;
    question->next = held->first;
    held->first = question;
    if (++held->count < atomic_load(&held->until)) {
        return;
    }
    struct quota_request *ready = held->first;
    held->first = NULL;
    held->count = 0;
    while (ready != NULL) {
        struct quota_request *next = ready->next;
        fake_quota_ask(held->fake, ready);
        ready = next;
    }
}

#endif
