/* SPDX-License-Identifier: MIT */
#include "io/request.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

/* Lives on the waiter's stack. The last completion posts, and sem_post does not touch the
 * group once the waiter can go on (glibc since 2.21), so that one may leave at once. */
struct request_group {
    atomic_size_t open_count;
    sem_t complete;
};

void request_wait(struct loop *loop, struct request *const *requests, size_t count)
{
    assert(!loop_is_current(loop)); /* would wait for itself */
    if (count == 0) {
        return;
    }
    struct request_group group;
    atomic_init(&group.open_count, count);
    sem_init(&group.complete, 0, 0);
    for (size_t i = 0; i < count; i++) {
        requests[i]->group = &group;
        requests[i]->ok = false;
        requests[i]->error.kind = ERROR_NONE;
        requests[i]->error.text[0] = '\0';
    }
    loop_submit_all(loop, requests, count);
    while (sem_wait(&group.complete) != 0) {
        assert(errno == EINTR);
    }
    sem_destroy(&group.complete);
}

void request_complete(struct request *request, bool ok)
{
    struct request_group *group = request->group;
    assert(group != NULL); /* completed twice, or never waited for */
    assert(ok || request->error.kind != ERROR_NONE);
    request->group = NULL;
    request->ok = ok;
    if (atomic_fetch_sub(&group->open_count, 1) == 1) {
        sem_post(&group->complete);
    }
}
