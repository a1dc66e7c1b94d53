/* SPDX-License-Identifier: MIT */
/* From a connected socket to a connection that may be asked: StartTLS (RFC 4511 4.14) or
 * TLS from the start, and bind. For connection.c only. */
#ifndef FOREGATE_LDAP_SET_UP_H
#define FOREGATE_LDAP_SET_UP_H

#include "ldap/connection.h"

/* Each may end in a connection that failed. */
void ldap_set_up_start(struct ldap_connection *connection);
void ldap_set_up_handshake(struct ldap_connection *connection);

/* The answer to what it asked. */
void ldap_set_up_result(struct ldap_connection *connection,
                        const struct ldap_message *message);

/* connection.c's. What was wrong ends the set-up of this address, or a connection in use.
 */
void ldap_connection_fail(struct ldap_connection *connection, const struct error *error);

/* Whether there is something to go on with. If not, the socket is watched, or the
 * connection failed. */
bool ldap_connection_has_gone_on(struct ldap_connection *connection,
                                 enum stream_result result, struct error *error);

#endif
