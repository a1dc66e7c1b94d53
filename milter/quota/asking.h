/* SPDX-License-Identifier: MIT */
/* What happens to a question on the loop thread: it waits for a connection, is asked, and
 * ends by its answer, by its deadline, or because the service is away. For client.c only.
 */
#ifndef FOREGATE_QUOTA_ASKING_H
#define FOREGATE_QUOTA_ASKING_H

#include "io/breaker.h"
#include "io/deadline.h"
#include "io/host_lookup.h"
#include "io/loop.h"
#include "io/service.h"
#include "quota/client.h"
#include "quota/connection.h"

#include <stddef.h>
#include <stdint.h>

/* Made by quota_client_new, then used by the loop thread only; timeout_ms stays as it is.
 */
struct quota_client {
    struct loop *loop;
    int timeout_ms;
    struct service service;
    struct tls_peer *tls;       /* NULL: plain */
    struct host_lookup *lookup; /* under way, or NULL */
    struct breaker breaker;
    struct deadline deadline; /* of all questions */
    /* Questions that wait for a connection, oldest first. */
    struct quota_request *first;
    struct quota_request **last;
    struct quota_connection *connections;
    size_t connection_count;
    int64_t grow_ms;      /* beside those that work, no further connection before */
    quota_script *script; /* instead of all that; NULL: there is a service */
    void *script_argument;
};

/* All on the loop thread. */
void asking_init(struct quota_client *client);
void asking_deinit(struct quota_client *client); /* no question under way any more */
void asking_begin(struct quota_client *client, struct quota_request *question);

#endif
