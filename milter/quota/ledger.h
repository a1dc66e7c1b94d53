/* SPDX-License-Identifier: MIT */
/* What room is spoken for. Dovecot knows what is in a mailbox, not what is on its way
 * there: every admitted message is held against its mailbox until its transaction ends, and
 * then, when it was accepted, until Dovecot must have counted it. What is on its way is
 * added to every question about the mailbox.
 *
 * To spare questions, more than a message is asked for. If that fits, messages spend the
 * rest, a lease, without a question for a short time. If it does not, the mailbox is tight
 * and every message is asked about.
 *
 * Dovecot takes a message above the limit, by its grace, but only as long as the mailbox is
 * below it. So beside others on their way a message is admitted only when all of them fit
 * below the limit: the grace, of which quota-status does not tell, is asked for as well.
 * Dovecot refuses questions above quota_max_mail_size. Where the grace is more than half of
 * that, they show nothing of the sort, and what fits Dovecot's largest question is
 * admitted. Source: Dovecot plugins/quota/quota.c. */
#ifndef FOREGATE_QUOTA_LEDGER_H
#define FOREGATE_QUOTA_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

struct ledger_settings {
    int mailboxes;       /* known at a time; beyond it, messages are asked about singly */
    int64_t lease_bytes; /* asked for beyond a message; 0: no leases */
    int64_t lease_ms;    /* how long it may be spent, and a tight mailbox stays so */
    int64_t refusal_ms;  /* how long a refusal counts for messages of its size */
    int64_t hold_ms;     /* how long an open transaction counts, from its claim */
    int64_t settle_ms;   /* from acceptance until Dovecot must have counted it */
    int64_t question_bytes; /* Dovecot refuses larger ones whatever the room; 0: none */
    int grace_percent;      /* of the limit */
    int64_t limit_bytes;    /* of a mailbox whose limit is not known; 0: none known */
};

struct ledger *ledger_new(const struct ledger_settings *settings);
void ledger_free(struct ledger **ledger);

enum ledger_outcome {
    LEDGER_FITS, /* and is held now */
    LEDGER_OVER,
    LEDGER_BUSY, /* would fit, but for what is on its way */
    LEDGER_ASK,
};

/* How an outcome came about. */
enum ledger_source { LEDGER_ASKED, LEDGER_LEASE, LEDGER_REFUSAL };

enum { LEDGER_TEXT_BYTES = 256 };

/* What FITS took. */
struct ledger_hold {
    int64_t bytes; /* 0: nothing */
    int64_t since_ms;
};

/* Room for a message, or for more of it: filled by the caller up to hold. */
struct ledger_claim {
    const char *mailbox;
    int64_t bytes;            /* wanted */
    int64_t copy_bytes;       /* of one delivery; 0: bytes is one */
    int64_t own_bytes;        /* that the same message holds already */
    int64_t limit_bytes;      /* of the mailbox; 0: not known, negative: none */
    struct ledger_hold *hold; /* filled by FITS; to be settled or released, once */

    enum ledger_source source;
    int64_t
        under_way_bytes; /* held and not settled when it was judged, without own_bytes */
    char text[LEDGER_TEXT_BYTES]; /* OVER: what Dovecot said; BUSY: why */

    /* ASK: what to ask about. Belong to the ledger otherwise. */
    int64_t question_bytes;
    int64_t lease_bytes;
    int step;
};

/* now_ms: any monotonic clock. Any thread. */

/* What is known without a question; ASK says nothing of how. */
enum ledger_outcome ledger_take(struct ledger *ledger, struct ledger_claim *claim,
                                int64_t now_ms);

/* The same, but ASK comes with a question; ledger_answer takes its answer and may come with
 * another. For one claim on a mailbox at a time: the others wait for what it brings. */
enum ledger_outcome ledger_ask(struct ledger *ledger, struct ledger_claim *claim,
                               int64_t now_ms);
enum ledger_outcome ledger_answer(struct ledger *ledger, struct ledger_claim *claim,
                                  bool fits, const char *text, int64_t now_ms);

/* The message was accepted: so many bytes, at most what was held, are on their way. */
void ledger_settle(struct ledger *ledger, const char *mailbox,
                   const struct ledger_hold *hold, int64_t bytes, int64_t now_ms);

/* It was not: they never come. */
void ledger_release(struct ledger *ledger, const char *mailbox,
                    const struct ledger_hold *hold);

const char *ledger_source_name(enum ledger_source source);
const char *ledger_outcome_name(enum ledger_outcome outcome);

#endif
