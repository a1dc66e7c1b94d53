/* SPDX-License-Identifier: MIT */
/* LDAP's messages as bytes, by libldap, which is nothing but a coder here: it reads what
 * the caller has received and writes what the caller is to send, never touches a socket,
 * and never waits. One thread, the loop's. */
#ifndef FOREGATE_LDAP_WIRE_H
#define FOREGATE_LDAP_WIRE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct ldap_wire;

/* One message of the server, and what is read from it at all, at most. */
enum { LDAP_MESSAGE_BYTES_MAX = 4 << 20 };

/* Sets libldap up. It looks the host's own name up, which may take a while: not on the loop
 * thread, and before the first wire. */
void ldap_wire_set_up(void);

/* version 2 or 3; dereference 0 to 3. */
struct ldap_wire *ldap_wire_new(int socket, int version, int dereference);
void ldap_wire_free(struct ldap_wire **wire);

/* Requests. Each returns its message id, or -1 with an error. */
int ldap_wire_start_tls(struct ldap_wire *wire, struct error *error);
int ldap_wire_bind(struct ldap_wire *wire, const char *dn, const char *password,
                   struct error *error);

struct ldap_wire_search {
    const char *base, *filter; /* filter NULL: any entry */
    int scope;                 /* the numbers of RFC 4511 */
    const char *const *attributes;
    int size_limit; /* 0: none */
};

int ldap_wire_search(struct ldap_wire *wire, const struct ldap_wire_search *search,
                     struct error *error);
void ldap_wire_abandon(struct ldap_wire *wire, int id);

/* The last one: says goodbye, and knows no messages any more. */
void ldap_wire_unbind(struct ldap_wire *wire);

/* What is to be sent, and how much of it has been. */
const char *ldap_wire_output(const struct ldap_wire *wire, size_t *length);
void ldap_wire_sent(struct ldap_wire *wire, size_t count);

/* Where to receive bytes to, once all messages have been taken, and how many came. */
char *ldap_wire_room(struct ldap_wire *wire, size_t *size);
void ldap_wire_received(struct ldap_wire *wire, size_t count);

/* Whether bytes are left that no message was made of. */
bool ldap_wire_has_input(const struct ldap_wire *wire);

enum ldap_message_kind {
    LDAP_MESSAGE_NONE, /* not all of it is here */
    LDAP_MESSAGE_ENTRY,
    LDAP_MESSAGE_RESULT, /* the end of a search, a bind, or an extended operation */
    LDAP_MESSAGE_OTHER,  /* of no interest, like referrals */
    LDAP_MESSAGE_END,    /* the server ends the connection (RFC 4511 4.4.1) */
    LDAP_MESSAGE_BROKEN, /* no LDAP, or larger than LDAP_MESSAGE_BYTES_MAX */
};

struct ldap_message {
    enum ldap_message_kind kind;
    int id;
    int code;       /* RESULT, END: resultCode of RFC 4511 */
    char text[200]; /* RESULT, END: what the code means, and what the server adds */
    void *handle;   /* private */
};

/* To be ended before the next. */
void ldap_message_next(struct ldap_wire *wire, struct ldap_message *message);
void ldap_message_end(struct ldap_message *message);

struct ldap_value {
    const char *bytes; /* with a NUL behind it */
    size_t length;
};

struct ldap_attribute {
    const char *name;
    const struct ldap_value *values;
    size_t count;
};

/* What a search has found. */
struct ldap_found {
    const struct ldap_found *next;
    const struct ldap_attribute *attributes; /* in the server's order */
    size_t count;
};

/* Of an ENTRY: a copy in the arena; NULL when it cannot be read. */
struct ldap_found *ldap_message_entry(struct ldap_wire *wire,
                                      const struct ldap_message *message,
                                      struct arena *arena);

#endif
