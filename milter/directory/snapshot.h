/* SPDX-License-Identifier: MIT */
/* What is known of addresses at one moment: accounts, domains, aliases, quotas, permissions
 * to send. Immutable once built, reference counted, shared by all threads. */
#ifndef FOREGATE_DIRECTORY_SNAPSHOT_H
#define FOREGATE_DIRECTORY_SNAPSHOT_H

#include "directory/source.h"
#include "mail/address.h"

#include <stdbool.h>
#include <stdint.h>

struct table;

/* Of the mail server whose addresses these are. Borrowed; process lifetime. */
struct directory_settings {
    const char *volume;      /* folder of the files; NULL: there are none */
    bool accounts_elsewhere; /* docker-mailserver takes accounts and aliases from LDAP: of
                                the volume patterns, local aliases and domains count */
    bool others; /* sources beside the volume know more accounts, aliases and domains */
    const char *domains;     /* further ones of ours, a list; or NULL */
    const char *may_send_as; /* file of `login: address` lines, or NULL */
    const char *hostname;    /* $myhostname */
    const char
        *mydestination;     /* white space or comma separated domains of local delivery */
    const char *postmaster; /* where mail for the local root goes, or NULL */
    struct address_rules rules; /* myorigin and delimiters */
    bool delimiters_given;      /* by the operator: what the volume says does not count */
    const struct table
        *faults; /* look-ups that fail, and why; NULL but in tests of rules */
};

struct snapshot;

/* Any thread. release clears the pointer and frees with the last reference, which takes
 * milliseconds for a large one: whoever replaced it waits for snapshot_is_unused. */
struct snapshot *snapshot_hold(struct snapshot *snapshot);
void snapshot_release(struct snapshot **snapshot);
bool snapshot_is_unused(const struct snapshot *snapshot); /* but by the caller */

/* As the operator gave them, with the delimiters that the volume names if he gave none.
 * Live as long as the snapshot. */
const struct directory_settings *snapshot_settings(const struct snapshot *snapshot);

/* Answers at once. Strings of the answer live as long as the snapshot, or in
 * the arena (a pattern's result). */
struct answer snapshot_answer(const struct snapshot *snapshot,
                              const struct question *question, struct arena *arena);

/* For who looks for aliases alone, and for many: expect begins to get the place of one from
 * memory. hash: of its key, which is in small letters. find answers QUESTION_TABLE. */
uint32_t snapshot_hash(const char *key, size_t length);
void snapshot_expect_alias(const struct snapshot *snapshot, uint32_t hash);
struct answer snapshot_find_alias(const struct snapshot *snapshot, const char *key,
                                  uint32_t hash);

/* The quota limit the volume gives this account (folded), as it is written there ("10G",
 * "0" for none), or NULL. Dovecot's answer is the authority. */
const char *snapshot_limit(const struct snapshot *snapshot, const char *account);

/* The line of the operator's may_send_as file that lets this login (folded) send as the
 * address with this key, or 0. */
int snapshot_may_send_as(const struct snapshot *snapshot, const char *login,
                         const char *key);

/* One managed domain after the other; *cursor begins at 0. False: there are no more. */
bool snapshot_next_domain(const struct snapshot *snapshot, size_t *cursor,
                          const char **domain);

/* Any one, to try something with: the first of the file (folded), or NULL: there is none.
 */
const char *snapshot_first_account(const struct snapshot *snapshot);

struct snapshot_counts {
    size_t accounts, aliases, patterns, local_aliases, domains, quotas;
};

struct snapshot_counts snapshot_counts(const struct snapshot *snapshot);

struct snapshot_change {
    const char *what; /* "accounts", "aliases", ... */
    size_t count;     /* there are now */
    size_t added, removed, changed;
};

enum { SNAPSHOT_CHANGES = 7 };

/* What is new in new. Patterns, which have no key, are only counted; grants are logins
 * with permissions to send. */
void snapshot_compare(const struct snapshot *old, const struct snapshot *new,
                      struct snapshot_change changes[SNAPSHOT_CHANGES]);

uint64_t snapshot_generation(const struct snapshot *snapshot); /* grows with each build */

/* Over the contents of the files it was read from: the same in other processes; 0: not
 * known, or other sources answer as well. */
uint64_t snapshot_digest(const struct snapshot *snapshot);

#endif
