/* SPDX-License-Identifier: MIT */
/* What happens at each SMTP stage of one connection, without libmilter: `run`, `explain`
 * and the rule tests go through the same functions. Belongs to one thread at a time.
 *
 * A verdict that is returned lives until the next call; a refusal has an id, stands in the
 * log with it, and with reply.id names it in its text. What must never be refused (mail of
 * sendmail(1) at MAIL and RCPT) comes back as CONTINUE already. */
#ifndef FOREGATE_TRANSACTION_H
#define FOREGATE_TRANSACTION_H

#include "base/network.h"
#include "current.h"
#include "directory/rewrite.h"
#include "mail/decision.h"
#include "mail/plan.h"
#include "record/journal.h"
#include "record/record.h"
#include "sources/sources.h"

#include <stdbool.h>
#include <stddef.h>

/* Borrowed; process lifetime. */
struct transaction_settings {
    struct current *current;
    const struct services *services;
    struct sources *sources; /* NULL: the snapshot knows all */
    const struct network_list *trusted;
    int64_t messages_memory; /* bytes that all open messages may keep */
    struct rewrite rewrite;
    bool record_all;         /* also what rules did not object to, and what they observed */
    struct journal *journal; /* keeps each transaction (record_all is set), or NULL */
    bool reply_id;           /* refusals name their decision */
};

struct peer {
    const char *name;     /* "[address]" when unknown */
    const char *ip;       /* NULL: unknown */
    int port;             /* 0 and name "localhost": sendmail(1) */
    const char *listener; /* {daemon_name}, or NULL */
};

/* As the MTA tells them with MAIL; NULL where it does not. */
struct mail_facts {
    const char *login;
    const char *login_method;
    const char *tls_version;
    const char *tls_cipher;
    const char *queue_id;
};

struct transaction;

struct transaction *transaction_new(const struct transaction_settings *settings);

/* Memory only: no wait, no Lua, no lock but the journal's, a leaf. */
void transaction_free(struct transaction **transaction);

struct verdict transaction_connect(struct transaction *transaction,
                                   const struct peer *peer);
struct verdict transaction_helo(struct transaction *transaction, const char *name);

/* MAIL, while the program stops. */
struct verdict transaction_stopping(struct transaction *transaction);

/* arguments: the address, then ESMTP parameters, then NULL. */
struct verdict transaction_mail(struct transaction *transaction,
                                const struct mail_facts *facts,
                                const char *const *arguments);
struct verdict transaction_rcpt(struct transaction *transaction, const char *queue_id,
                                const char *const *arguments);

/* Runs the data stage; its verdict is kept for end_of_headers, since libmilter cannot
 * refuse DATA safely. */
void transaction_data(struct transaction *transaction, const char *queue_id);
void transaction_header(struct transaction *transaction, const char *name,
                        const char *value);
struct verdict transaction_end_of_headers(struct transaction *transaction,
                                          const char *queue_id);

/* False: nobody's verdict depends on the rest of the body. */
bool transaction_body(struct transaction *transaction, size_t bytes);

/* The edits, when the verdict is CONTINUE, live until the next call. */
struct verdict transaction_finish(struct transaction *transaction, const char *queue_id,
                                  struct edit_list *edits);

/* The edits could not be sent after all: counted and logged; what to answer instead. */
struct verdict transaction_edit_failed(struct transaction *transaction,
                                       const struct edit_list *edits,
                                       const struct error *error);

/* What the client is really told: the summary line and the counters, and whether the room
 * that the message holds stays taken. Once a message, when that is certain. */
void transaction_conclude(struct transaction *transaction, const struct verdict *verdict,
                          const struct edit_list *edits);

/* What the data stage decided; given to the client at end of headers. */
struct verdict transaction_data_verdict(const struct transaction *transaction);

/* Forgets the message: after finish, at abort, after a refusal. Fine with none open. */
void transaction_end(struct transaction *transaction);

bool transaction_is_open(const struct transaction *transaction);
struct session *transaction_session(const struct transaction *transaction);

/* Of the open message; with none open, of the session. */
const struct decision_list *transaction_decisions(const struct transaction *transaction);

/* For a message that is replayed: more header has come than is kept. */
void transaction_header_cut(struct transaction *transaction);

/* What has happened so far, with record_all: in the open message, else in the session.
 * Lives until the next call. */
void transaction_describe(struct transaction *transaction, struct record *record);

#endif
