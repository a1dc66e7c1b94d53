/* SPDX-License-Identifier: MIT */
/* Leases of room: when Dovecot said that size plus headroom fits into a mailbox, messages
 * spend that headroom here for a short time without asking again. Spending never exceeds
 * what Dovecot granted; close to the limit no lease is granted and every message is asked
 * about. */
#ifndef FOREGATE_QUOTA_LEDGER_H
#define FOREGATE_QUOTA_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* At most max_leases mailboxes at a time; the oldest give way. */
struct ledger *ledger_new(int max_leases, int64_t lease_ms);
void ledger_free(struct ledger **ledger);

/* True: a lease had room for bytes, which are spent now. now_ms: any monotonic clock. Any
 * thread. */
bool ledger_spend(struct ledger *ledger, const char *mailbox, int64_t bytes,
                  int64_t now_ms);

/* Dovecot granted bytes for this mailbox just now: replaces an older lease. */
void ledger_grant(struct ledger *ledger, const char *mailbox, int64_t bytes,
                  int64_t now_ms);

/* Dovecot refused the headroom: no lease is valid any more, and for the time of a lease the
 * mailbox is tight: only the message itself is worth asking about. */
void ledger_refuse(struct ledger *ledger, const char *mailbox, int64_t now_ms);
bool ledger_is_tight(struct ledger *ledger, const char *mailbox, int64_t now_ms);

#endif
