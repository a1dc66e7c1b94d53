/* SPDX-License-Identifier: MIT */
/* What open messages, and what is recorded of them, may keep. */
#include "transaction_state.h"

#include <stdatomic.h>

/* Recipients and their expansions are kept until the end of the message; this is far above
 * what a thousand ordinary recipients need. */
enum { MESSAGE_ARENA_BYTES = 48 << 20 };

enum { SESSION_RECORD_BYTES = 1 << 20 };

/* What all open messages keep: strangers must not fill the memory with many sessions. */
static atomic_size_t messages_bytes;

/* What was observed of their rules. No mail is refused for that: it is no longer kept. */
static atomic_size_t observed_bytes;

static struct decision_list empty_list(const struct transaction *transaction,
                                       struct arena *arena, struct arena *observed)
{
    return (struct decision_list){
        .arena = arena,
        .observed = observed,
        .complete = transaction->settings->record_all,
    };
}

void transaction_forget_session(struct transaction *transaction)
{
    struct arena *arena = transaction->session_record;
    bool loses_events = transaction->session_transcript.count > 0;
    arena_reset(arena);
    transaction->session_decisions = empty_list(transaction, arena, arena);
    transaction->session_transcript = (struct transcript){.is_cut = loses_events};
}

void transaction_limit_session(struct transaction *transaction)
{
    if (!transaction->settings->record_all ||
        arena_used(transaction->session_record) > SESSION_RECORD_BYTES) {
        transaction_forget_session(transaction);
    }
}

void transaction_forget_decisions(struct transaction *transaction)
{
    arena_reset(transaction->observed);
    transaction->decisions =
        empty_list(transaction, transaction->message->arena, transaction->observed);
    transaction->transcript = (struct transcript){0};
    transaction_account(transaction);
}

static size_t account(atomic_size_t *total, size_t *accounted, size_t now)
{
    size_t change = now - *accounted;
    *accounted = now;
    return atomic_fetch_add(total, change) + change;
}

bool transaction_account(struct transaction *transaction)
{
    size_t most = (size_t)transaction->settings->messages_memory;
    size_t kept = transaction->message->open ? arena_used(transaction->message->arena) : 0;
    size_t observed = arena_used(transaction->observed);
    transaction->decisions.is_closed =
        account(&observed_bytes, &transaction->accounted_observed_bytes, observed) > most;
    return account(&messages_bytes, &transaction->accounted_bytes, kept) <= most &&
           kept <= MESSAGE_ARENA_BYTES;
}
