/* SPDX-License-Identifier: MIT */
/* One look-up in a table in LDAP, as Postfix's dict_ldap does it: the search, the values of
 * what it finds, and with special_result_attribute the searches that these lead to. */
#ifndef FOREGATE_LDAP_LOOKUP_H
#define FOREGATE_LDAP_LOOKUP_H

#include "base/arena.h"
#include "directory/source.h"
#include "io/loop.h"
#include "ldap/client.h"
#include "ldap/table.h"

struct ldap_lookup {
    struct loop *loop;
    struct ldap_client *client;
    const struct ldap_table *table;
    const char *quota_attribute; /* NULL: not asked for */
    int timeout_ms;              /* for all of it together */
};

/* Strings live in the arena of the call. */
struct ldap_answer {
    enum answer_kind kind;
    const char *value;  /* FOUND: as `postmap -q` prints it, with commas between values */
    const char *quota;  /* FOUND: of the first entry that has one, else "" */
    const char *reason; /* FAILED: why, for the log; no password is in it */
};

/* Waits: on a worker's thread. */
void ldap_look_up(const struct ldap_lookup *lookup, const char *key, struct arena *arena,
                  struct ldap_answer *answer);

#endif
