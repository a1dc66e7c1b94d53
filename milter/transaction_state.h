/* SPDX-License-Identifier: MIT */
/* The inside of a transaction. Private to transaction*.c. */
#ifndef FOREGATE_TRANSACTION_STATE_H
#define FOREGATE_TRANSACTION_STATE_H

#include "sources/memory.h"
#include "transaction.h"

#include <stdint.h>
#include <time.h>

/* For its record: the events of a session before MAIL, or of one message. Their decisions
 * are those of the list beside it, in order; both live in the list's arena. Zeroed is
 * empty; stays so unless the list is complete. */
struct transcript {
    struct record_event *events;
    size_t count, size;
    size_t decision_count; /* that belong to the events so far */
    const char *queue_id;  /* last seen */
    bool is_cut;           /* earlier events were forgotten */
    /* Of a message: */
    int64_t time_ms;           /* since the epoch: MAIL */
    struct value notes;        /* of the session, then */
    struct edit_list edits;    /* the plan */
    bool is_concluded;         /* the client was told */
    struct verdict conclusion; /* this */
};

struct transaction {
    size_t accounted_bytes;          /* its part of messages_bytes */
    size_t accounted_observed_bytes; /* its part of observed_bytes */
    const struct transaction_settings *settings;
    struct session *session;
    struct message *message;
    struct generation *generation; /* of the open message */
    struct snapshot *snapshot;
    struct source_memory memory;  /* of the open message */
    struct directory directory;   /* the same */
    struct arena *session_record; /* of session_decisions */
    struct decision_list session_decisions;
    struct transcript session_transcript;
    bool has_begun;         /* a message, at some time */
    struct arena *observed; /* of the message's decisions */
    struct decision_list decisions;
    struct transcript transcript;
    struct quota_holds holds;
    size_t rewritten_count; /* recipients of the message, once they are expanded */
    bool accepted;          /* the message is on its way */
    struct verdict kept;    /* of the data stage */
    struct timespec begin;
};

/* A stage is over, with this verdict, which is returned. argument and more (NULL behind the
 * last, as long-lived as the decisions) are what the client said, or NULL. A refusal of the
 * session is written to the journal: nothing comes after it. */
struct verdict transaction_note(struct transaction *transaction, enum stage stage,
                                const char *argument, const char *const *more,
                                struct verdict verdict);
void transaction_note_begin(struct transaction *transaction);
void transaction_note_end(struct transaction *transaction, const struct verdict *verdict);

/* Forgets what is kept of the session for its record, in any case or when that is much: it
 * lives long, and says HELO as often as it likes. Unless somebody looks at its decisions
 * later nothing is kept of them. */
void transaction_forget_session(struct transaction *transaction);
void transaction_limit_session(struct transaction *transaction);

/* The same of the message, when it has ended. */
void transaction_forget_decisions(struct transaction *transaction);

/* Keeps the totals of all messages true; called before rules are, and at the end. False:
 * this message, or all together, keep as much as they may. */
bool transaction_account(struct transaction *transaction);

/* Writes the open message, if there is one, to the journal, if there is one. */
void transaction_keep(struct transaction *transaction);

#endif
