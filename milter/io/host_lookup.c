/* SPDX-License-Identifier: MIT */
#include "io/host_lookup.h"

#include "io/request.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum lookup_state { RUNNING, FINISHED, ABANDONED };

struct host_lookup {
    struct request request; /* first; brings the result to the loop thread, nobody waits */
    struct loop *loop;
    pthread_t thread;
    host_lookup_done *done; /* loop thread only; NULL: abandoned */
    void *argument;
    char host[256];
    char port[6];
    int failure; /* written by the thread before it is FINISHED */
    struct addrinfo *found;
    /* Decides who frees. The thread makes it FINISHED and submits the request, whose start
     * frees; when it finds ABANDONED the loop may be gone, and it frees itself. */
    atomic_int state;
};

static void lookup_free(struct host_lookup *lookup)
{
    if (lookup->found != NULL) {
        freeaddrinfo(lookup->found);
    }
    free(lookup);
}

static void *lookup_main(void *argument)
{
    struct host_lookup *lookup = argument;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    lookup->failure = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->found);
    if (atomic_exchange(&lookup->state, FINISHED) == ABANDONED) {
        lookup_free(lookup);
    } else {
        loop_submit(lookup->loop, &lookup->request);
    }
    return NULL;
}

/* On the loop thread: the thread is in its last instructions, the join does not wait. */
static void lookup_end(struct request *request)
{
    struct host_lookup *lookup = (struct host_lookup *)request;
    if (lookup->done == NULL) {
        lookup_free(lookup);
        return;
    }
    pthread_join(lookup->thread, NULL);
    if (lookup->failure == 0) {
        lookup->done(lookup->argument, lookup->found, NULL);
    } else {
        struct error error;
        error_set(&error, ERROR_REMOTE, "cannot look up %s: %s", lookup->host,
                  gai_strerror(lookup->failure));
        lookup->done(lookup->argument, NULL, &error);
    }
    lookup_free(lookup);
}

struct host_lookup *host_lookup_start(struct loop *loop, const char *host, const char *port,
                                      host_lookup_done *done, void *argument,
                                      struct error *error)
{
    struct host_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        abort();
    }
    lookup->request.start = lookup_end;
    lookup->loop = loop;
    lookup->done = done;
    lookup->argument = argument;
    snprintf(lookup->host, sizeof lookup->host, "%s", host);
    snprintf(lookup->port, sizeof lookup->port, "%s", port);
    /* It inherits the loop thread's mask: no signals. */
    errno = pthread_create(&lookup->thread, NULL, lookup_main, lookup);
    if (errno != 0) {
        error_set(error, ERROR_SYSTEM, "cannot look up %s: no thread: %m", host);
        free(lookup);
        return NULL;
    }
    return lookup;
}

void host_lookup_abandon(struct host_lookup **lookup)
{
    pthread_t thread = (*lookup)->thread;
    (*lookup)->done = NULL;
    if (atomic_exchange(&(*lookup)->state, ABANDONED) == RUNNING) {
        pthread_detach(thread);
    } else {
        /* It is about to submit, and its request frees it. The loop must not go before. */
        pthread_join(thread, NULL);
    }
    *lookup = NULL;
}
