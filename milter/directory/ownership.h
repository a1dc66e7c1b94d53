/* SPDX-License-Identifier: MIT */
/* May this login send as this address? The same resolver as for delivery: an address
 * belongs to the logins whose mailbox it leads to. */
#ifndef FOREGATE_DIRECTORY_OWNERSHIP_H
#define FOREGATE_DIRECTORY_OWNERSHIP_H

#include "directory/resolve.h"

/* What ownership extends to beyond the login's own address and one level of alias. */
struct ownership_options {
    bool nested;        /* aliases of aliases */
    bool catch_all;     /* @domain keys */
    bool subaddress;    /* login+tag@ and alias+tag@ */
    bool account_alias; /* an address that is another account, through an alias on it */
};

struct ownership {
    enum answer_kind kind; /* FOUND: owned. NOT_FOUND: not owned. FAILED: cannot tell */
    const char *reason;    /* why not, or why not known; NULL when owned */
    const struct via_step *path; /* FOUND: the chain that proves it */
    size_t path_count;
};

struct ownership ownership_find(struct arena *arena, const char *login,
                                const struct address *address,
                                const struct snapshot *snapshot,
                                const struct ownership_options *options);

#endif
