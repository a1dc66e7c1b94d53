/* SPDX-License-Identifier: MIT */
/* Searches in LDAP (RFC 4511), over one kept-open connection to the first of the servers
 * that serves us, many at a time. A search has a time limit and is completed exactly once:
 * with what was found, or with the reason why nobody can tell. Nothing is believed of an
 * answer that is not whole. A connection that breaks, or whose server answers nobody any
 * more, fails what is under way on it, and is made anew for the next search; only where the
 * server closed it while it was idle, searches that crossed that are asked once more. */
#ifndef FOREGATE_LDAP_CLIENT_H
#define FOREGATE_LDAP_CLIENT_H

#include "base/arena.h"
#include "base/error.h"
#include "io/loop.h"
#include "io/request.h"
#include "ldap/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct ldap_client;

/* Strings are borrowed, as long as the client lives. */
struct ldap_client_settings {
    const char *const *urls; /* ldap://, ldaps:// or ldapi://, in the order to try */
    size_t url_count;        /* at least one */
    bool start_tls;          /* at ldap://; no server is asked without */
    bool binds;              /* simple: both empty is anonymous */
    const char *bind_dn, *bind_pw;
    int version;     /* 2 or 3 */
    int dereference; /* 0 to 3 */
    const char *ca;  /* see struct tls_settings */
    const char *certificate, *key;
};

enum {
    LDAP_SEARCHES_MAX = 64,  /* under way at the server; the others wait for their turn */
    LDAP_WAITING_MAX = 1000, /* further ones fail at once */
    LDAP_QUESTION_BYTES_MAX = 64 * 1024, /* base and filter of one search */
};

/* NULL: CONFIG. Never waits for a server; nothing is connected before the first search. */
struct ldap_client *ldap_client_new(struct loop *loop,
                                    const struct ldap_client_settings *settings,
                                    struct error *error);

/* No search is under way any more. */
void ldap_client_free(struct ldap_client **client);

/* What it was made with. */
const struct ldap_client_settings *ldap_client_settings(const struct ldap_client *client);

/* A request, see request.h: the maker fills the first part, timeout_ms included. */
struct ldap_search {
    struct request request;
    struct ldap_client *client;
    struct ldap_wire_search what;
    struct arena *arena; /* for what is found; the loop thread's until completion */

    /* ok: the answer. */
    const struct ldap_found *found; /* in the server's order, or NULL */
    bool has_no_base;               /* there is no such object as `base` */

    /* client.c's. */
    struct ldap_search *next;
    struct event *timer;
    const struct ldap_found **last;
    size_t arena_used; /* before the answer */
    int64_t asked_ms;
    int id;         /* -1: waits for its turn */
    bool is_second; /* asked once more */
};

void ldap_search_init(struct ldap_search *search, struct ldap_client *client,
                      const struct ldap_wire_search *what, int timeout_ms,
                      struct arena *arena);

#endif
