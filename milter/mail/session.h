/* SPDX-License-Identifier: MIT */
/* One SMTP session as the MTA describes it. Belongs to one callback at a time
 * (libmilter never runs two of a connection at once), so it has no lock. */
#ifndef FOREGATE_MAIL_SESSION_H
#define FOREGATE_MAIL_SESSION_H

#include "base/arena.h"
#include "mail/value.h"

#include <stdbool.h>

enum { SESSION_ID_BYTES = 17 };

struct session {
    struct arena *arena;
    char id[SESSION_ID_BYTES]; /* hexadecimal, unique in this process and most likely beyond
                                */
    const char *ip;            /* "" when unknown */
    int port;                  /* -1 when unknown */
    const char *name;          /* client name, or "[address]" */
    const char *helo;          /* "" before HELO */
    const char *listener;      /* {daemon_name}, "" when not given */
    const char *login;         /* {auth_authen} of the current transaction, or NULL */
    const char *login_method;
    const char *tls_version; /* NULL without TLS */
    const char *tls_cipher;
    bool trusted;          /* in trusted_networks */
    bool local_submission; /* sendmail(1): a refusal at RCPT leaves the mail in maildrop for
                              ever */
    struct value notes;
};

struct session *session_new(void);
void session_free(struct session **session);

/* Replaces a string of the session when it differs; text may be NULL. Keeps the arena from
 * growing with every message of a long session. */
void session_set(struct session *session, const char **field, const char *text);

#endif
