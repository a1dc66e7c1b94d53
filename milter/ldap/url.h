/* SPDX-License-Identifier: MIT */
/* LDAP URLs (RFC 4516): where a server is, and what one in an entry leads to. */
#ifndef FOREGATE_LDAP_URL_H
#define FOREGATE_LDAP_URL_H

#include "base/arena.h"
#include "base/error.h"
#include "io/service.h"

#include <stdbool.h>

/* ldaps:// is_tls. False: CONFIG. */
bool ldap_url_parse_server(const char *url, struct service *service, struct error *error);

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
