/* SPDX-License-Identifier: MIT */
/* Which address to connect to next: those of the first server in their order, then those of
 * the next. For connection.c; all on the loop thread, which does not wait for a name to be
 * looked up. */
#ifndef FOREGATE_LDAP_ROUTE_H
#define FOREGATE_LDAP_ROUTE_H

#include "base/error.h"
#include "io/host_lookup.h"
#include "io/loop.h"
#include "io/service.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_peer;

struct ldap_server {
    const char *url;
    struct service service; /* a name is looked up for each route */
    struct tls_peer *tls;   /* NULL: plain */
};

struct ldap_route {
    struct loop *loop;
    struct ldap_server *servers;
    size_t server_count;
    void (*found)(void *argument); /* a look-up has ended: ask for the next once more */
    void *argument;
    size_t first;   /* of the servers */
    size_t used;    /* servers from there on; the last of them is in use */
    size_t address; /* of that one, the next */
    struct host_lookup *lookup;
    struct error failure; /* of the look-up, unless it was told of */
};

enum ldap_route_step {
    LDAP_ROUTE_ADDRESS,
    LDAP_ROUTE_LOOKUP, /* found() will be called */
    LDAP_ROUTE_FAILED, /* a server has no address, error says why; there may be others */
    LDAP_ROUTE_END,
};

void ldap_route_begin(struct ldap_route *route);

/* The address lasts until the next call. */
enum ldap_route_step ldap_route_next(struct ldap_route *route,
                                     const struct service_address **address,
                                     struct error *error);

/* found() is not called any more. */
void ldap_route_stop(struct ldap_route *route);

/* The one in use, or the first. */
struct ldap_server *ldap_route_server(const struct ldap_route *route);

/* The next route begins behind the server in use, or with the first of all. */
void ldap_route_pass(struct ldap_route *route);
void ldap_route_return(struct ldap_route *route);

#endif
