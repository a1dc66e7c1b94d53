/* SPDX-License-Identifier: MIT */
#include "quota/holds.h"

#include "base/clock.h"

#include <string.h>

struct quota_hold *quota_holds_add(struct quota_holds *holds, struct arena *arena,
                                   const char *mailbox, const void *recipient)
{
    struct quota_hold *hold = arena_alloc(arena, sizeof *hold);
    *hold = (struct quota_hold){.next = holds->first,
                                .mailbox = arena_copy(arena, mailbox),
                                .recipient = recipient};
    holds->first = hold;
    return hold;
}

int64_t quota_holds_bytes(const struct quota_holds *holds, const char *mailbox)
{
    int64_t bytes = 0;
    for (const struct quota_hold *hold = holds->first; hold != NULL; hold = hold->next) {
        bytes += strcmp(hold->mailbox, mailbox) == 0 ? hold->bytes : 0;
    }
    return bytes;
}

int64_t quota_holds_copies(const struct quota_holds *holds, const char *mailbox)
{
    int64_t copies = 0;
    for (const struct quota_hold *hold = holds->first; hold != NULL; hold = hold->next) {
        copies += hold->recipient != NULL && hold->bytes > 0 &&
                  strcmp(hold->mailbox, mailbox) == 0;
    }
    return copies > 0 ? copies : 1;
}

void quota_holds_drop(struct quota_holds *holds, struct ledger *ledger,
                      const void *recipient)
{
    for (struct quota_hold *hold = holds->first; hold != NULL; hold = hold->next) {
        if (hold->recipient == recipient && hold->bytes > 0) {
            ledger_release(ledger, hold->mailbox, hold->bytes);
            hold->bytes = 0;
        }
    }
}

void quota_holds_end(struct quota_holds *holds, struct ledger *ledger, bool accepted)
{
    int64_t now_ms = holds->first != NULL ? clock_monotonic_ms() : 0;
    for (const struct quota_hold *hold = holds->first; hold != NULL; hold = hold->next) {
        if (hold->bytes == 0) {
            continue;
        }
        if (accepted) {
            ledger_settle(ledger, hold->mailbox, hold->bytes, now_ms);
        } else {
            ledger_release(ledger, hold->mailbox, hold->bytes);
        }
    }
    holds->first = NULL;
}
