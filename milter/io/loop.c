/* SPDX-License-Identifier: MIT */
#include "io/loop.h"

#include "io/request.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct loop {
    struct event_base *base;
    /* Made active by loop_submit: the only libevent object that other threads touch, and
     * event_active the only function they call. libevent wakes its own thread for that. */
    struct event *wake;
    pthread_t thread;
    pthread_mutex_t lock; /* protects first and last and the next of what they hold */
    struct request *first;
    struct request **last;
};

static struct request *take_all(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct request *first = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    return first;
}

static void on_wake(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct loop *loop = argument;
    struct request *request = take_all(loop);
    while (request != NULL) {
        /* A request may be complete, and its memory gone, when start returns. */
        struct request *next = request->next;
        request->start(request);
        request = next;
    }
}

void loop_submit(struct loop *loop, struct request *request)
{
    loop_submit_all(loop, &request, 1);
}

void loop_submit_all(struct loop *loop, struct request *const *requests, size_t count)
{
    pthread_mutex_lock(&loop->lock);
    bool was_empty = loop->first == NULL;
    for (size_t i = 0; i < count; i++) {
        requests[i]->next = NULL;
        *loop->last = requests[i];
        loop->last = &requests[i]->next;
    }
    pthread_mutex_unlock(&loop->lock);
    /* Who finds the inbox filled knows that its first filler wakes the loop. */
    if (was_empty) {
        event_active(loop->wake, EV_TIMEOUT, 0);
    }
}

struct run_request {
    struct request request;
    void (*function)(void *argument);
    void *argument;
};

static void run_start(struct request *request)
{
    struct run_request *run = (struct run_request *)request;
    run->function(run->argument);
    request_complete(request, true);
}

void loop_run(struct loop *loop, void (*function)(void *argument), void *argument)
{
    struct run_request run = {
        .request = {.start = run_start}, .function = function, .argument = argument};
    request_wait(loop, (struct request *[]){&run.request}, 1);
}

bool loop_is_current(const struct loop *loop)
{
    return pthread_equal(loop->thread, pthread_self()) != 0;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

static void *loop_main(void *argument)
{
    struct loop *loop = argument;
    pthread_setname_np(pthread_self(), "foregate-loop");
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static bool start_thread(struct loop *loop, struct error *error)
{
    /* A new thread inherits the mask: there is no moment at which it takes a signal. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&loop->thread, NULL, loop_main, loop);
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return failure == 0 ||
           error_set(error, ERROR_SYSTEM, "cannot start the loop thread: %m");
}

static void loop_free(struct loop *loop)
{
    if (loop->wake != NULL) {
        event_free(loop->wake);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

struct loop *loop_start(struct error *error)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot start the loop: out of memory");
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    loop->last = &loop->first;
    /* Before the base is made: a base made earlier has no lock for event_active. */
    if (evthread_use_pthreads() == 0) {
        loop->base = event_base_new();
    }
    if (loop->base != NULL) {
        loop->wake = event_new(loop->base, -1, 0, on_wake, loop);
    }
    if (loop->wake == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot start the loop: libevent refuses");
        loop_free(loop);
        return NULL;
    }
    if (!start_thread(loop, error)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void leave(void *argument)
{
    struct loop *loop = argument;
    event_base_loopbreak(loop->base);
}

void loop_stop(struct loop **loop)
{
    /* Stands behind all that was submitted before it: the inbox drains first. */
    loop_run(*loop, leave, *loop);
    pthread_join((*loop)->thread, NULL);
    assert((*loop)->first == NULL);
    loop_free(*loop);
    *loop = NULL;
}
