/* SPDX-License-Identifier: MIT */
#include "quota/holds.h"

#include "base/clock.h"
#include "base/hash.h"

#include <string.h>

enum { CHAINS_FIRST = 16 };

struct quota_hold {
    struct quota_hold *next_of_mailbox;
    struct quota_hold *older;
    const char *mailbox;
    const void *recipient;
    const char *address;
    struct ledger_hold held;
};

struct quota_held {
    struct quota_held *next; /* in the chain */
    const char *mailbox;
    struct quota_hold *first;
};

static struct quota_held **chain_of(const struct quota_holds *holds, const char *mailbox)
{
    uint64_t hash = hash_bytes(0, mailbox, strlen(mailbox));
    return &holds->chains[hash & (holds->chain_count - 1)];
}

static struct quota_held *held_find(const struct quota_holds *holds, const char *mailbox)
{
    if (holds->chain_count == 0) {
        return NULL;
    }
    struct quota_held *held = *chain_of(holds, mailbox);
    while (held != NULL && strcmp(held->mailbox, mailbox) != 0) {
        held = held->next;
    }
    return held;
}

static void grow(struct quota_holds *holds, struct arena *arena)
{
    struct quota_holds old = *holds;
    holds->chain_count = old.chain_count > 0 ? old.chain_count * 2 : CHAINS_FIRST;
    size_t bytes = holds->chain_count * sizeof(struct quota_held *);
    holds->chains = arena_alloc(arena, bytes);
    memset(holds->chains, 0, bytes);
    for (size_t i = 0; i < old.chain_count; i++) {
        struct quota_held *held = old.chains[i];
        while (held != NULL) {
            struct quota_held *next = held->next;
            struct quota_held **chain = chain_of(holds, held->mailbox);
            held->next = *chain;
            *chain = held;
            held = next;
        }
    }
}

static struct quota_held *held_get(struct quota_holds *holds, struct arena *arena,
                                   const char *mailbox)
{
    struct quota_held *held = held_find(holds, mailbox);
    if (held != NULL) {
        return held;
    }
    if (holds->mailbox_count == holds->chain_count) {
        grow(holds, arena);
    }
    struct quota_held **chain = chain_of(holds, mailbox);
    held = arena_alloc(arena, sizeof *held);
    *held = (struct quota_held){.next = *chain, .mailbox = arena_copy(arena, mailbox)};
    *chain = held;
    holds->mailbox_count++;
    return held;
}

struct quota_share quota_holds_share(const struct quota_holds *holds, const char *mailbox,
                                     const char *address, int64_t now_ms)
{
    struct quota_share share = {0};
    const struct quota_held *held = held_find(holds, mailbox);
    for (const struct quota_hold *hold = held != NULL ? held->first : NULL; hold != NULL;
         hold = hold->next_of_mailbox) {
        if (hold->held.bytes == 0) {
            continue;
        }
        share.copies += hold->recipient != NULL;
        share.bytes += now_ms - hold->held.since_ms < QUOTA_HOLD_MS ? hold->held.bytes : 0;
        share.has_recipient =
            share.has_recipient || (address != NULL && hold->address != NULL &&
                                    strcmp(hold->address, address) == 0);
    }
    return share;
}

struct ledger_hold *quota_holds_add(struct quota_holds *holds, struct arena *arena,
                                    const char *mailbox, const void *recipient,
                                    const char *address)
{
    struct quota_held *held = held_get(holds, arena, mailbox);
    struct quota_hold *hold = arena_alloc(arena, sizeof *hold);
    *hold = (struct quota_hold){.next_of_mailbox = held->first,
                                .older = holds->newest,
                                .mailbox = held->mailbox,
                                .recipient = recipient,
                                .address = address};
    held->first = hold;
    holds->newest = hold;
    return &hold->held;
}

void quota_holds_drop(struct quota_holds *holds, struct ledger *ledger,
                      const void *recipient)
{
    for (struct quota_hold *hold = holds->newest;
         hold != NULL && hold->recipient == recipient; hold = hold->older) {
        if (hold->held.bytes > 0) {
            ledger_release(ledger, hold->mailbox, &hold->held);
            hold->held.bytes = 0;
        }
    }
}

void quota_holds_end(struct quota_holds *holds, struct ledger *ledger, bool accepted,
                     int64_t size_bytes)
{
    int64_t now_ms = holds->newest != NULL ? clock_monotonic_ms() : 0;
    for (const struct quota_hold *hold = holds->newest; hold != NULL; hold = hold->older) {
        bool is_delivery = hold->recipient != NULL && size_bytes > 0;
        int64_t bytes =
            is_delivery && size_bytes < hold->held.bytes ? size_bytes : hold->held.bytes;
        if (hold->held.bytes > 0 && accepted) {
            ledger_settle(ledger, hold->mailbox, &hold->held, bytes, now_ms);
        } else if (hold->held.bytes > 0) {
            ledger_release(ledger, hold->mailbox, &hold->held);
        }
    }
    *holds = (struct quota_holds){0};
}
