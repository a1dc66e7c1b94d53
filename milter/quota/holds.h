/* SPDX-License-Identifier: MIT */
/* The room that one message holds, mailbox by mailbox and recipient by recipient, from the
 * moment it is judged until the transaction ends. Belongs to one thread at a time, but for
 * a hold while it is asked for. */
#ifndef FOREGATE_QUOTA_HOLDS_H
#define FOREGATE_QUOTA_HOLDS_H

#include "base/arena.h"
#include "quota/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open transaction counts for so long after its last claim: who only opens them must not
 * keep a mailbox busy. */
enum { QUOTA_HOLD_MS = 60 * 1000 };

struct quota_hold;
struct quota_held;

/* Zeroed is empty. */
struct quota_holds {
    struct quota_held **chains; /* by mailbox */
    size_t chain_count, mailbox_count;
    struct quota_hold *newest;
};

/* What the message holds of one mailbox. */
struct quota_share {
    int64_t bytes;
    int64_t copies;     /* deliveries: recipients that hold something */
    bool has_recipient; /* this address has been judged already */
};

struct quota_share quota_holds_share(const struct quota_holds *holds, const char *mailbox,
                                     const char *address, int64_t now_ms);

/* An empty hold, in the arena, for a recipient: an object, which is only compared, and its
 * address; both NULL: more of the message, for all deliveries. */
struct ledger_hold *quota_holds_add(struct quota_holds *holds, struct arena *arena,
                                    const char *mailbox, const void *recipient,
                                    const char *address);

/* The recipient that was judged last was refused: nothing is delivered for it. */
void quota_holds_drop(struct quota_holds *holds, struct ledger *ledger,
                      const void *recipient);

/* The transaction is over, with the message on its way or not; its true size, or 0. Forgets
 * all. */
void quota_holds_end(struct quota_holds *holds, struct ledger *ledger, bool accepted,
                     int64_t size_bytes);

#endif
