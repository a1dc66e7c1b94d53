/* SPDX-License-Identifier: MIT */
/* Where a service listens: `inet:host:port`, `inet:[::1]:port`, the same with `tls:`, or
 * `unix:/path`, and the socket addresses behind it. A literal address is known at once, a
 * name after a look-up. */
#ifndef FOREGATE_QUOTA_SERVICE_H
#define FOREGATE_QUOTA_SERVICE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct addrinfo;

enum { QUOTA_SERVICE_ADDRESSES = 8 };

struct quota_address {
    struct sockaddr_storage address;
    socklen_t length;
};

struct quota_service {
    bool is_name; /* host must be looked up */
    bool is_tls;
    char host[256]; /* empty: a path */
    char port[6];
    struct quota_address addresses[QUOTA_SERVICE_ADDRESSES];
    size_t address_count; /* 0: not looked up yet */
    size_t
        preferred; /* where to begin: the one that worked, or behind one that is silent */
};

/* Never waits. False: CONFIG. */
bool quota_service_parse(struct quota_service *service, const char *text,
                         struct error *error);

/* Takes over what getaddrinfo found, as many as fit. */
void quota_service_set(struct quota_service *service, const struct addrinfo *found);

/* The name may have moved: look it up again before the next connection. */
void quota_service_forget(struct quota_service *service);

#endif
