/* SPDX-License-Identifier: MIT */
/* One name looked up by getaddrinfo, which may block for as long as the resolver likes: on
 * a thread of its own that ends with the answer. evdns would be quick but knows nothing of
 * nsswitch, and container names often stand in /etc/hosts. */
#ifndef FOREGATE_IO_HOST_LOOKUP_H
#define FOREGATE_IO_HOST_LOOKUP_H

#include "base/error.h"
#include "io/loop.h"

struct addrinfo;
struct host_lookup;

/* Who gets the answer: on the loop thread, once, with NULL and an error when there is none.
 */
typedef void host_lookup_done(void *argument, const struct addrinfo *found,
                              const struct error *error);

/* All on the loop thread. The port is a number; both are copied. NULL: SYSTEM, done is not
 * called. */
struct host_lookup *host_lookup_start(struct loop *loop, const char *host, const char *port,
                                      host_lookup_done *done, void *argument,
                                      struct error *error);

/* done is never called; the thread cleans up when getaddrinfo lets it go. The loop may be
 * stopped. */
void host_lookup_abandon(struct host_lookup **lookup);

#endif
