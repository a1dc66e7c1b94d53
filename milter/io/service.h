/* SPDX-License-Identifier: MIT */
/* Where a service listens: `inet:host:port`, `inet:[::1]:port`, the same with `tls:`, or
 * `unix:/path`, and the socket addresses behind it. A literal address is known at once, a
 * name after a look-up. */
#ifndef FOREGATE_IO_SERVICE_H
#define FOREGATE_IO_SERVICE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct addrinfo;

enum { SERVICE_ADDRESSES = 8 };

struct service_address {
    struct sockaddr_storage address;
    socklen_t length;
};

struct service {
    bool is_name; /* host must be looked up */
    bool is_tls;
    char host[256]; /* empty: a path */
    char port[6];
    struct service_address addresses[SERVICE_ADDRESSES];
    size_t address_count; /* 0: not looked up yet */
    size_t
        preferred; /* where to begin: the one that worked, or behind one that is silent */
};

/* Never waits. False: CONFIG. */
bool service_parse(struct service *service, const char *text, struct error *error);

/* Takes over what getaddrinfo found, as many as fit. */
void service_set(struct service *service, const struct addrinfo *found);

/* The name may have moved: look it up again before the next connection. */
void service_forget(struct service *service);

/* A socket that does not block and is connecting, or -1: errno says why. Once it is
 * writable, service_connect_error is 0 or the errno of what went wrong. */
int service_connect(const struct service_address *address);
int service_connect_error(int connecting);

#endif
