/* SPDX-License-Identifier: MIT */
/* The accounts, aliases and domains that docker-mailserver keeps in LDAP: its five tables,
 * read from the files that Postfix has, or from the settings that these were made of. One
 * connection serves all tables that name the same server and login. */
#ifndef FOREGATE_LDAP_DIRECTORY_H
#define FOREGATE_LDAP_DIRECTORY_H

#include "base/arena.h"
#include "base/error.h"
#include "directory/finding.h"
#include "io/loop.h"
#include "ldap/lookup.h"
#include "ldap/table.h"

struct ldap_directory;

/* NULL: not set, so that the file counts, or without one docker-mailserver's default. */
struct ldap_directory_settings {
    const char *path; /* folder of ldap-users.cf and the others; they may be missing */
    const char *server_host, *search_base, *bind_dn, *bind_pw;
    const char *start_tls; /* yes or no */
    const char *query_filters[LDAP_TABLE_KINDS];
    const char *ca;              /* in place of tls_ca_cert_file; a file or a folder */
    const char *quota_attribute; /* of users; never NULL, "": none */
};

/* NULL: CONFIG or SYSTEM, with file, line and remedy. Connects to nobody. */
struct ldap_directory *ldap_directory_new(struct loop *loop,
                                          const struct ldap_directory_settings *settings,
                                          struct error *error);

/* No look-up is under way any more. */
void ldap_directory_free(struct ldap_directory **directory);

/* Waits, for timeout_ms at most: on a worker's thread. Any number at once. The key is what
 * Postfix would ask for: an address or a part of it in external form, in small letters. */
void ldap_directory_look_up(const struct ldap_directory *directory,
                            enum ldap_table_kind table, const char *key, int timeout_ms,
                            struct arena *arena, struct ldap_answer *answer);

/* For `check`: what was worth a warning in the tables. Lives as long as the directory. */
const struct finding_list *ldap_directory_findings(const struct ldap_directory *directory);

#endif
