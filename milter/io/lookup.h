/* SPDX-License-Identifier: MIT */
/* One name looked up by getaddrinfo, which may block for as long as the resolver likes: on
 * a thread of its own that ends with the answer. evdns would be quick but knows nothing of
 * nsswitch, and container names often stand in /etc/hosts. */
#ifndef FOREGATE_IO_LOOKUP_H
#define FOREGATE_IO_LOOKUP_H

#include "base/error.h"
#include "io/loop.h"

struct addrinfo;
struct lookup;
struct service;

/* Who gets the answer: on the loop thread, once, with NULL and an error when there is none.
 */
typedef void lookup_done(void *argument, const struct addrinfo *found,
                         const struct error *error);

/* All on the loop thread. NULL: SYSTEM, done is not called. */
struct lookup *lookup_start(struct loop *loop, const struct service *service,
                            lookup_done *done, void *argument, struct error *error);

/* done is never called; the thread cleans up when getaddrinfo lets it go. The loop may be
 * stopped. */
void lookup_abandon(struct lookup **lookup);

#endif
