/* SPDX-License-Identifier: MIT */
/* An e-mail address in the forms that Postfix tells apart. External form: as in
 * SMTP, with the fewest quotes. Internal form: without quoting; the last `@`
 * separates local-part and domain. Source: RFC 5321 4.1.2; Postfix
 * trivial-rewrite/rewrite.c, global/split_addr.c, global/quote_822_local.c. */
#ifndef FOREGATE_MAIL_ADDRESS_H
#define FOREGATE_MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

/* Longer than any command line that Postfix takes. */
enum { ADDRESS_BYTES_MAX = 2048 };

/* What completes and splits an address; borrowed, process lifetime. */
struct address_rules {
    const char *myorigin;   /* for names without a domain */
    const char *delimiters; /* recipient_delimiter: a set, may be "" */
};

/* All strings live in the arena given to the constructor; none is NULL. */
struct address {
    const char *raw;        /* exact bytes as received, with brackets if any */
    const char *internal;   /* completed, source route and trailing dot gone */
    const char *external;   /* the same, quoted where needed */
    const char *key;        /* external form folded to lower case: compare these */
    const char *local_part; /* internal */
    const char *domain;     /* case kept */
    const char *base;       /* local-part without detail, internal */
    const char *detail;     /* with its delimiter ("+tag"), or "" */
    bool is_null;           /* <> : all strings but raw are "" */
};

/* Envelope address as the client typed it, brackets optional. Completes a bare name with
 * myorigin, user%domain and domain!user as Postfix does. False: what
 * Postfix refuses with 501 (error says why); kind CONFIG is never used. */
bool address_parse(struct arena *arena, const char *raw, const struct address_rules *rules,
                   struct address *address, struct error *error);

/* From an internal form that is already complete (a table target, a mailbox). */
void address_from_internal(struct arena *arena, const char *internal,
                           const struct address_rules *rules, struct address *address);

/* The internal form of an external one that may lack its domain: completed as
 * address_parse does, nothing refused. "" when it stands for nobody. */
char *address_complete(struct arena *arena, const char *external,
                       const struct address_rules *rules);

/* External form of an internal one (fewest quotes). */
char *address_quote(struct arena *arena, const char *internal);

/* The same from its parts into a buffer of ADDRESS_QUOTED_BYTES(their lengths): local_part
 * (internal, length bytes of it) and domain, which is NULL for a bare name. */
void address_write_external(char *buffer, const char *local_part, size_t length,
                            const char *domain);
#define ADDRESS_QUOTED_BYTES(length) (2 * (length) + 4)

/* External form without the detail. */
char *address_without_detail(struct arena *arena, const struct address *address);

/* Is this an address, with a domain, that is the same in every form: nothing in it to
 * quote, to complete or to route by? Most are; then a copy does for all of that. */
bool address_is_plain(const char *text);

/* Would Postfix route mail to this domain name or [address literal]? */
bool address_domain_is_valid(const char *domain);

/* Where the detail of this local-part begins, or its length when it has none.
 * Never split: postmaster, mailer-daemon, double-bounce; owner-x and x-request
 * when `-` is a delimiter; a delimiter at the first place. */
size_t address_split(const char *local_part, const char *delimiters);

#endif
