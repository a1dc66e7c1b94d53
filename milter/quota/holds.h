/* SPDX-License-Identifier: MIT */
/* The room that one message holds, mailbox by mailbox and recipient by recipient, from the
 * moment it is judged until the transaction ends. Belongs to one thread at a time, but for
 * the bytes of a hold while it is asked for. */
#ifndef FOREGATE_QUOTA_HOLDS_H
#define FOREGATE_QUOTA_HOLDS_H

#include "base/arena.h"
#include "quota/ledger.h"

#include <stdint.h>

struct quota_hold {
    struct quota_hold *next;
    const char *mailbox;
    const void *recipient; /* whose delivery it is for, only compared; NULL: more of it */
    int64_t bytes;
};

struct quota_holds {
    struct quota_hold *first;
};

/* Without bytes; lives in the arena. */
struct quota_hold *quota_holds_add(struct quota_holds *holds, struct arena *arena,
                                   const char *mailbox, const void *recipient);

/* What the message holds of a mailbox already. */
int64_t quota_holds_bytes(const struct quota_holds *holds, const char *mailbox);

/* How often the message goes to it, as far as it was judged: at least once. */
int64_t quota_holds_copies(const struct quota_holds *holds, const char *mailbox);

/* The recipient was refused: nothing is delivered for it. */
void quota_holds_drop(struct quota_holds *holds, struct ledger *ledger,
                      const void *recipient);

/* The transaction is over, with the message on its way or not. Forgets all. */
void quota_holds_end(struct quota_holds *holds, struct ledger *ledger, bool accepted);

#endif
