/* SPDX-License-Identifier: MIT */
/* A table in LDAP as Postfix has it: what an ldap_table(5) file says, or without one what
 * docker-mailserver ships, with single settings replaced. It is read when Foregate starts
 * and constant from then on: any thread may use it. The password is in it; no error,
 * finding or log line says what it is. Sources: Postfix 3.7 global/dict_ldap.c,
 * docker-mailserver target/postfix/ldap-*.cf. */
#ifndef FOREGATE_LDAP_TABLE_H
#define FOREGATE_LDAP_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "directory/finding.h"
#include "ldap/attribute.h"
#include "ldap/expand.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum ldap_table_kind {
    LDAP_TABLE_USERS,
    LDAP_TABLE_GROUPS,
    LDAP_TABLE_ALIASES,
    LDAP_TABLE_DOMAINS,
    LDAP_TABLE_SENDERS,
};

enum { LDAP_TABLE_KINDS = LDAP_TABLE_SENDERS + 1 };

const char *ldap_table_kind_name(enum ldap_table_kind kind); /* "users" */

/* In place of what the file says. */
struct ldap_setting {
    const char *name;   /* of ldap_table(5), "query_filter" */
    const char *value;  /* may be empty */
    const char *origin; /* how the operator calls it, "LDAP_QUERY_FILTER_USER" */
};

struct ldap_table_source {
    enum ldap_table_kind kind;
    const char *path; /* NULL: no file, the defaults of docker-mailserver */
    const struct ldap_setting *settings;
    size_t setting_count;
};

/* The numbers of RFC 4511, as libldap has them. */
enum ldap_table_scope { LDAP_TABLE_BASE, LDAP_TABLE_ONE, LDAP_TABLE_SUB };

enum { LDAP_SERVERS_MAX = 16 };

/* All strings live as long as the table; none is NULL, but where it says so. */
struct ldap_table {
    struct arena *arena;
    enum ldap_table_kind kind;
    const char *file;        /* NULL: the defaults */
    const char *const *urls; /* ldap://, ldaps:// or ldapi://, in the order to try */
    size_t url_count;        /* 1 to LDAP_SERVERS_MAX */
    enum ldap_table_scope scope;
    bool is_unused; /* of senders, with an empty filter: docker-mailserver leaves it out */
    struct ldap_expansion expansion; /* search_base, query_filter, result_format, domain */
    struct ldap_attributes attributes;
    bool binds; /* simple, with bind_dn and bind_pw: both empty is anonymous */
    const char *bind_dn, *bind_pw;
    int version;         /* of the protocol: 2 or 3 */
    int dereference;     /* of aliases in the directory: 0 to 3, as in RFC 4511 */
    int recursion_limit; /* searches below each other, with special_result_attribute */
    int size_limit;      /* entries of one search; 0: none */
    int timeout_ms;      /* of connecting, and of each search */
    bool start_tls;      /* certificates are verified always, with ldaps:// too */
    const char *tls_ca_cert_file, *tls_ca_cert_dir; /* both empty: the system's */
    const char *tls_cert, *tls_key;                 /* empty: none of our own */
};

/* NULL with CONFIG (or SYSTEM: it cannot be read) and file, line and remedy in the error.
 * findings may be NULL; what works, but perhaps not as it was meant, is a warning there. */
struct ldap_table *ldap_table_new(const struct ldap_table_source *source,
                                  struct finding_list *findings, struct error *error);

/* The same from a stream; source->path is only its name. */
struct ldap_table *ldap_table_parse(const struct ldap_table_source *source, FILE *stream,
                                    struct finding_list *findings, struct error *error);

void ldap_table_free(struct ldap_table **table);

#endif
