/* SPDX-License-Identifier: MIT */
/* What is known of addresses at one moment: accounts, domains, aliases, quotas, permissions
 * to send. Immutable once built, reference counted, shared by all threads. */
#ifndef FOREGATE_DIRECTORY_SNAPSHOT_H
#define FOREGATE_DIRECTORY_SNAPSHOT_H

#include "directory/source.h"
#include "mail/address.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshot;

/* Any thread. release frees with the last reference and clears the pointer. */
struct snapshot *snapshot_hold(struct snapshot *snapshot);
void snapshot_release(struct snapshot **snapshot);

/* Answers at once. Strings of the answer live as long as the snapshot, or in
 * the arena (a pattern's result). */
struct answer snapshot_answer(const struct snapshot *snapshot,
                              const struct question *question, struct arena *arena);

/* Does the operator's may_send_as file let this login (folded) send as this address? */
bool snapshot_may_send_as(const struct snapshot *snapshot, const char *login,
                          const struct address *address);

struct snapshot_counts {
    size_t accounts, aliases, patterns, domains, quotas;
};

struct snapshot_counts snapshot_counts(const struct snapshot *snapshot);
uint64_t snapshot_generation(const struct snapshot *snapshot); /* grows with each build */

#endif
