/* SPDX-License-Identifier: MIT */
/* One kept-open connection to one of the servers of a client: looks a host up, connects,
 * starts TLS, binds, step by step on the loop thread, and goes on with the next address or
 * server where one fails or is silent. Once READY it carries any number of searches. For
 * client.c only; all on the loop thread. */
#ifndef FOREGATE_LDAP_CONNECTION_H
#define FOREGATE_LDAP_CONNECTION_H

#include "base/error.h"
#include "io/loop.h"
#include "io/stream.h"
#include "ldap/route.h"
#include "ldap/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct ldap_client;

/* For one address, from connecting to the answer to bind; for a look-up as well. */
enum { LDAP_ATTEMPT_MS = 2000 };

enum ldap_connection_state {
    LDAP_CONNECTION_CLOSED,
    LDAP_CONNECTION_LOOKUP,
    LDAP_CONNECTION_CONNECTING,
    LDAP_CONNECTION_START_TLS, /* asked in plain text whether we may */
    LDAP_CONNECTION_HANDSHAKE,
    LDAP_CONNECTION_BIND,
    LDAP_CONNECTION_READY,
};

/* "binding" */
const char *ldap_connection_state_name(enum ldap_connection_state state);

/* How to connect, const. */
struct ldap_access {
    struct ldap_server *servers;
    size_t server_count;
    bool start_tls, binds;
    const char *bind_dn, *bind_pw;
    int version, dereference;
};

struct ldap_connection {
    struct ldap_client *client;
    struct loop *loop;
    const struct ldap_access *access;
    enum ldap_connection_state state;
    struct ldap_route route;
    struct stream stream; /* with reader, writer and wire: from CONNECTING on */
    struct event *reader, *writer;
    struct ldap_wire *wire;
    struct event *timer;  /* of an attempt */
    int step;             /* message id of what the set-up waits for */
    struct error failure; /* why the last address is no good */
    int64_t heard_ms;     /* when the server said something last */
};

void ldap_connection_init(struct ldap_connection *connection, struct ldap_client *client,
                          struct loop *loop, const struct ldap_access *access);
void ldap_connection_deinit(struct ldap_connection *connection);

/* The URL of the server in use, or of the first. */
const char *ldap_connection_url(const struct ldap_connection *connection);

/* CLOSED: begins. Ends, maybe before it returns, with ldap_client_ready or
 * ldap_client_unreachable, unless it is closed. */
void ldap_connection_open(struct ldap_connection *connection);

/* READY: id, or -1 with an error. Bytes go out with the flush, which may end in
 * ldap_client_lost. */
int ldap_connection_search(struct ldap_connection *connection,
                           const struct ldap_wire_search *search, struct error *error);
void ldap_connection_abandon(struct ldap_connection *connection, int id);
void ldap_connection_flush(struct ldap_connection *connection);

/* How much has not gone out. */
size_t ldap_connection_backlog(const struct ldap_connection *connection);

/* Closes, with a goodbye if it is READY and takes it. is_silent: the server answers nobody,
 * the next connection begins behind it. */
void ldap_connection_close(struct ldap_connection *connection, bool is_silent);

/* Reports, in client.c. After the last two the connection is CLOSED. */
void ldap_client_ready(struct ldap_client *client);
void ldap_client_message(struct ldap_client *client, const struct ldap_message *message);
void ldap_client_lost(struct ldap_client *client, const struct error *error);
void ldap_client_unreachable(struct ldap_client *client, const struct error *error);

#endif
