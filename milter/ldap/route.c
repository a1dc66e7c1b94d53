/* SPDX-License-Identifier: MIT */
#include "ldap/route.h"

#include <stddef.h>

struct ldap_server *ldap_route_server(const struct ldap_route *route)
{
    size_t behind = route->used > 0 ? route->used - 1 : 0;
    return &route->servers[(route->first + behind) % route->server_count];
}

void ldap_route_begin(struct ldap_route *route)
{
    route->used = 0;
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

static void on_lookup(void *argument, const struct addrinfo *found,
                      const struct error *error)
{
    struct ldap_route *route = argument;
    route->lookup = NULL;
    if (found != NULL) {
        service_set(&ldap_route_server(route)->service, found);
    } else {
        route->failure = *error;
    }
    route->found(route->argument);
}

static void begin_server(struct ldap_route *route)
{
    struct service *service = &ldap_route_server(route)->service;
    route->address = 0;
    service_forget(service);
    if (service->address_count == 0) {
        route->lookup = host_lookup_start(route->loop, service->host, service->port,
                                          on_lookup, route, &route->failure);
    }
}

enum ldap_route_step ldap_route_next(struct ldap_route *route,
                                     const struct service_address **address,
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
        const struct service *service = &ldap_route_server(route)->service;
        if (route->used > 0 && route->address < service->address_count) {
            *address = &service->addresses[route->address++];
            return LDAP_ROUTE_ADDRESS;
        }
        if (route->used == route->server_count) {
            return LDAP_ROUTE_END;
        }
        route->used++;
        begin_server(route);
    }
}
