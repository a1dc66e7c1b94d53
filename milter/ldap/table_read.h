/* SPDX-License-Identifier: MIT */
/* From the settings of a table to what it is. Private to the room. */
#ifndef FOREGATE_LDAP_TABLE_READ_H
#define FOREGATE_LDAP_TABLE_READ_H

#include "base/error.h"
#include "ldap/settings.h"
#include "ldap/table.h"

#include <stdbool.h>

/* What docker-mailserver has for a kind of table. */
struct ldap_shipped {
    const char *name;
    const char *filter, *attributes;
    const char *variable; /* replaces the filter */
};

const struct ldap_shipped *ldap_table_shipped(enum ldap_table_kind kind);

/* What is searched, how far, and what of it counts. False, CONFIG, as all of these. */
bool ldap_read_lookup(struct ldap_table *table, const struct ldap_settings *settings,
                      struct error *error);

/* Whom is asked, and as whom. */
bool ldap_read_connection(struct ldap_table *table, const struct ldap_settings *settings,
                          struct error *error);

#endif
