/* SPDX-License-Identifier: MIT */
/* server_host and server_port: the servers of a table as LDAP URLs. Private to the room.
 * Source: Postfix 3.7 global/dict_ldap.c, dict_ldap_open; RFC 4516. */
#ifndef FOREGATE_LDAP_SERVER_H
#define FOREGATE_LDAP_SERVER_H

#include "ldap/settings.h"
#include "ldap/table.h"

/* Sets table->urls; false, CONFIG, for what is no server, none, or too many. */
bool ldap_servers_read(struct ldap_table *table, const struct ldap_settings *settings,
                       struct error *error);

/* Does one of them have TLS by itself? */
bool ldap_servers_use_tls(const struct ldap_table *table);

/* Or another scheme than ldap://? */
bool ldap_servers_need_version_3(const struct ldap_table *table);

#endif
