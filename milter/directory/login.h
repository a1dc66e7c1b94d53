/* SPDX-License-Identifier: MIT */
/* The name that a client logged in with, and whose mailbox it means. It comes from the
 * wire. A name without a domain is common with LDAP: Dovecot takes it as it is. */
#ifndef FOREGATE_DIRECTORY_LOGIN_H
#define FOREGATE_DIRECTORY_LOGIN_H

#include "base/arena.h"
#include "directory/directory.h"

/* Without a domain of its own, so many are looked through. */
enum { LOGIN_BYTES_MAX = 2048, LOGIN_DOMAINS_MAX = 100 };

struct login {
    const char *name;    /* in small letters as Dovecot folds it; NULL: nobody's */
    const char *mailbox; /* FOUND: its address, folded */
    const char *reason;  /* why there is none, or why it is not known */
    bool is_unknown;     /* no account could be meant */
};

/* domain: of logins that have none, or NULL; then it is the account of just that name, or
 * the one account of the volume with that local-part. */
enum answer_kind login_complete(struct arena *arena, const char *given, const char *domain,
                                const struct directory *directory, struct login *login);

#endif
