/* SPDX-License-Identifier: MIT */
/* One awaited operation: made by a worker, carried out on the loop thread, completed
 * exactly once by answer, error or its own timer. A request lives in memory of the worker
 * that waits for it and never outlives that wait. */
#ifndef FOREGATE_IO_REQUEST_H
#define FOREGATE_IO_REQUEST_H

#include "base/error.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct request_group;

/* First member of every concrete request (quota_request, dns_request...). */
struct request {
    void (*start)(struct request *request); /* on the loop thread */
    struct request *next;                   /* inbox link; belongs to loop.c */
    struct request_group *group;            /* who waits; belongs to request.c */
    int timeout_ms;                         /* set by the maker; the starter arms it */
    bool ok;                                /* false: error says why */
    struct error error;
};

/* Submits count requests at once and returns when all are complete. Worker thread.
 * Waits without a limit of its own: the loop thread guarantees the end. */
void request_wait(struct loop *loop, struct request *const *requests, size_t count);

/* Loop thread, exactly once a request; the request must not be touched afterwards. */
void request_complete(struct request *request, bool ok);

#endif
