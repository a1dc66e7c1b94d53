/* SPDX-License-Identifier: MIT */
/* LDAP URLs (RFC 4516): where a server is, and what one in an entry leads to. */
#ifndef FOREGATE_LDAP_URL_H
#define FOREGATE_LDAP_URL_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

struct ldap_place {
    bool is_tls;    /* ldaps:// */
    bool is_path;   /* ldapi://: host is the path of a socket */
    char host[256]; /* a name or an address, without brackets */
    char port[6];
};

/* False: CONFIG. */
bool ldap_place_parse(struct ldap_place *place, const char *url, struct error *error);

/* What a search is asked with. A host in the URL does not count: as in Postfix the server
 * that had the entry is asked. */
struct ldap_url {
    const char *base, *filter;
    int scope;                     /* the numbers of RFC 4511 */
    const char *const *attributes; /* ends with NULL; NULL: the URL has none */
};

bool ldap_url_is(const char *text);

/* In the arena. False: REMOTE. */
bool ldap_url_parse_text(struct ldap_url *url, const char *text, struct arena *arena,
                         struct error *error);

#endif
