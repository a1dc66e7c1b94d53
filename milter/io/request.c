/* SPDX-License-Identifier: MIT */
#include "io/request.h"

#include <assert.h>
#include <pthread.h>

/* Lives on the waiter's stack. The last completion signals with the lock held and does not
 * touch the group after it let go of it, so the waiter may leave at once. */
struct request_group {
    pthread_mutex_t lock; /* protects open_count */
    pthread_cond_t complete;
    size_t open_count;
};

void request_wait(struct loop *loop, struct request *const *requests, size_t count)
{
    assert(!loop_is_current(loop)); /* would wait for itself */
    struct request_group group = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                  .complete = PTHREAD_COND_INITIALIZER,
                                  .open_count = count};
    for (size_t i = 0; i < count; i++) {
        requests[i]->group = &group;
        requests[i]->ok = false;
        requests[i]->error.kind = ERROR_NONE;
        requests[i]->error.text[0] = '\0';
    }
    loop_submit_all(loop, requests, count);
    pthread_mutex_lock(&group.lock);
    while (group.open_count > 0) {
        pthread_cond_wait(&group.complete, &group.lock);
    }
    pthread_mutex_unlock(&group.lock);
    pthread_cond_destroy(&group.complete);
    pthread_mutex_destroy(&group.lock);
}

void request_complete(struct request *request, bool ok)
{
    struct request_group *group = request->group;
    assert(group != NULL); /* completed twice, or never waited for */
    assert(ok || request->error.kind != ERROR_NONE);
    request->group = NULL;
    request->ok = ok;
    pthread_mutex_lock(&group->lock);
    group->open_count--;
    if (group->open_count == 0) {
        pthread_cond_signal(&group->complete);
    }
    pthread_mutex_unlock(&group->lock);
}
