/* SPDX-License-Identifier: MIT */
#include "ldap/set_up.h"

#include <event2/event.h>

enum { RESULT_OK = 0 }; /* of RFC 4511 */

static void become_ready(struct ldap_connection *connection)
{
    event_del(connection->timer);
    connection->state = LDAP_CONNECTION_READY;
    ldap_client_ready(connection->client);
}

/* A request of the set-up. */
static void take_step(struct ldap_connection *connection, enum ldap_connection_state state,
                      int id, const struct error *error)
{
    if (id < 0) {
        ldap_connection_fail(connection, error);
        return;
    }
    connection->state = state;
    connection->step = id;
    ldap_connection_flush(connection);
}

static void start_bind(struct ldap_connection *connection)
{
    const struct ldap_access *access = connection->access;
    if (!access->binds) {
        become_ready(connection);
        return;
    }
    struct error error;
    int id = ldap_wire_bind(connection->wire, access->bind_dn, access->bind_pw, &error);
    take_step(connection, LDAP_CONNECTION_BIND, id, &error);
}

void ldap_set_up_handshake(struct ldap_connection *connection)
{
    struct error error;
    enum stream_result result = stream_handshake(&connection->stream, &error);
    if (ldap_connection_has_gone_on(connection, result, &error)) {
        start_bind(connection);
    }
}

static void start_handshake(struct ldap_connection *connection)
{
    connection->state = LDAP_CONNECTION_HANDSHAKE;
    ldap_set_up_handshake(connection);
}

/* Nobody but the server itself may put words into its mouth: what came before TLS does not
 * count behind it. */
static void switch_to_tls(struct ldap_connection *connection)
{
    if (ldap_wire_has_input(connection->wire)) {
        struct error error;
        error_set(&error, ERROR_REMOTE,
                  "TLS: something was said in plain text behind the answer to StartTLS");
        ldap_connection_fail(connection, &error);
        return;
    }
    stream_open(&connection->stream, connection->stream.socket,
                ldap_route_server(&connection->route)->tls);
    start_handshake(connection);
}

void ldap_set_up_start(struct ldap_connection *connection)
{
    const struct ldap_server *server = ldap_route_server(&connection->route);
    if (server->service.is_tls) {
        stream_open(&connection->stream, connection->stream.socket, server->tls);
        start_handshake(connection);
    } else if (server->tls != NULL) {
        struct error error;
        int id = ldap_wire_start_tls(connection->wire, &error);
        take_step(connection, LDAP_CONNECTION_START_TLS, id, &error);
    } else {
        start_bind(connection);
    }
}

void ldap_set_up_result(struct ldap_connection *connection,
                        const struct ldap_message *message)
{
    bool is_bind = connection->state == LDAP_CONNECTION_BIND;
    if (message->id != connection->step) {
        return;
    }
    if (message->code != RESULT_OK) {
        struct error error;
        const char *dn = connection->access->bind_dn;
        if (is_bind) {
            error_set(&error, ERROR_REMOTE, "cannot bind as %.100s: %s",
                      *dn != '\0' ? dn : "nobody", message->text);
        } else {
            error_set(&error, ERROR_REMOTE, "the server refuses StartTLS: %s",
                      message->text);
        }
        ldap_connection_fail(connection, &error);
    } else if (is_bind) {
        become_ready(connection);
    } else {
        switch_to_tls(connection);
    }
}
