/* SPDX-License-Identifier: MIT */
/* May this login send as this address? It may as itself, as what the operator's may_send_as
 * file says, and as every address whose expansion names its mailbox, by the same keys and
 * targets as delivery. One way that the options allow is enough, whatever becomes of mail
 * on other ways: a circle elsewhere, or a forbidden way, takes nothing away. */
#ifndef FOREGATE_DIRECTORY_OWNERSHIP_H
#define FOREGATE_DIRECTORY_OWNERSHIP_H

#include "directory/resolve.h"

/* What ownership extends to beyond the login's own address and one alias with one target.
 */
struct ownership_options {
    bool nested;        /* aliases of aliases */
    bool catch_all;     /* @domain keys */
    bool regexp;        /* patterns */
    bool group;         /* aliases with several targets */
    bool subaddress;    /* login+tag@, alias+tag@, granted+tag@ */
    bool account_alias; /* an address that is another account, or a tagged form of one,
                           through an alias on it */
    const char *login_domain; /* of logins without one, or NULL: looked for */
};

struct ownership {
    enum answer_kind kind; /* FOUND: owned. NOT_FOUND: not owned. FAILED: cannot tell */
    const char *proof;     /* FOUND: from the login to the address, for people */
    const char *reason;    /* NOT_FOUND: the "best match ..."; FAILED: why; else NULL */
    const struct via_step *path; /* FOUND: the aliases that prove it, the address first */
    size_t path_count;
};

/* login is as it came from the wire. Texts have no control characters and are bounded. */
struct ownership ownership_find(struct arena *arena, const char *login,
                                const struct address *address,
                                const struct directory *directory,
                                const struct ownership_options *options);

#endif
