/* SPDX-License-Identifier: MIT */
#include "ldap/route.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

const struct ldap_server *ldap_route_server(const struct ldap_route *route)
{
    size_t behind = route->used > 0 ? route->used - 1 : 0;
    return &route->servers[(route->first + behind) % route->server_count];
}

void ldap_route_begin(struct ldap_route *route)
{
    route->used = 0;
    route->address_count = 0;
    route->address = 0;
    route->failure.kind = ERROR_NONE;
}

void ldap_route_pass(struct ldap_route *route)
{
    route->first = (route->first + route->used) % route->server_count;
    route->used = 0;
}

void ldap_route_return(struct ldap_route *route)
{
    route->first = 0;
    route->used = 0;
}

void ldap_route_stop(struct ldap_route *route)
{
    if (route->lookup != NULL) {
        host_lookup_abandon(&route->lookup);
    }
}

static void add_address(struct ldap_route *route, const void *name, size_t length)
{
    struct ldap_address *address = &route->addresses[route->address_count];
    if (route->address_count < LDAP_HOST_ADDRESSES && length <= sizeof address->address) {
        memcpy(&address->address, name, length);
        address->length = (socklen_t)length;
        route->address_count++;
    }
}

static void add_addresses(struct ldap_route *route, const struct addrinfo *found)
{
    for (; found != NULL; found = found->ai_next) {
        add_address(route, found->ai_addr, found->ai_addrlen);
    }
}

static void add_path(struct ldap_route *route, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path) {
        error_set(&route->failure, ERROR_REMOTE,
                  "the path of the socket is longer than %zu bytes",
                  sizeof name.sun_path - 1);
        return;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    add_address(route, &name, sizeof name);
}

static void on_lookup(void *argument, const struct addrinfo *found,
                      const struct error *error)
{
    struct ldap_route *route = argument;
    route->lookup = NULL;
    if (found != NULL) {
        add_addresses(route, found);
    } else {
        route->failure = *error;
    }
    route->found(route->argument);
}

/* Addresses or a failure; or the name is being looked up. What is an address itself is
 * known at once. */
static void find_addresses(struct ldap_route *route)
{
    const struct ldap_place *place = &ldap_route_server(route)->place;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    route->address = 0;
    route->address_count = 0;
    if (place->is_path) {
        add_path(route, place->host);
    } else if (getaddrinfo(place->host, place->port, &hints, &found) == 0) {
        add_addresses(route, found);
        freeaddrinfo(found);
    } else {
        route->lookup = host_lookup_start(route->loop, place->host, place->port, on_lookup,
                                          route, &route->failure);
    }
}

enum ldap_route_step ldap_route_next(struct ldap_route *route,
                                     const struct ldap_address **address,
                                     struct error *error)
{
    for (;;) {
        if (route->failure.kind != ERROR_NONE) {
            *error = route->failure;
            route->failure.kind = ERROR_NONE;
            return LDAP_ROUTE_FAILED;
        }
        if (route->lookup != NULL) {
            return LDAP_ROUTE_LOOKUP;
        }
        if (route->address < route->address_count) {
            *address = &route->addresses[route->address++];
            return LDAP_ROUTE_ADDRESS;
        }
        if (route->used == route->server_count) {
            return LDAP_ROUTE_END;
        }
        route->used++;
        find_addresses(route);
    }
}
