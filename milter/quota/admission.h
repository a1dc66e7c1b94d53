/* SPDX-License-Identifier: MIT */
/* Is there room in a mailbox for a message? Out of the ledger where that tells, else by
 * questions to Dovecot: one at a time about a mailbox, while others who want to know of the
 * same mailbox wait for what it brings. */
#ifndef FOREGATE_QUOTA_ADMISSION_H
#define FOREGATE_QUOTA_ADMISSION_H

#include "io/request.h"
#include "quota/client.h"
#include "quota/ledger.h"

#include <stdbool.h>
#include <stdint.h>

/* Process lifetime; client and ledger are borrowed. */
struct quota_desk;

struct quota_desk *quota_desk_new(struct loop *loop, struct quota_client *client,
                                  struct ledger *ledger);
void quota_desk_free(struct quota_desk **desk); /* no admission under way any more */

/* One claim. Give it to request_wait unless quota_admission_init has decided it already.
 * request.ok is false when the service cannot tell; else outcome is FITS, OVER or BUSY, and
 * claim says more. */
struct quota_admission {
    struct request request;
    struct ledger_claim claim;
    enum ledger_outcome outcome;
    int question_count; /* that this one asked itself */

    /* Belong to admission.c while the request is under way. */
    struct quota_desk *desk;
    struct quota_request question;
    struct quota_admission *next;    /* of those that ask, or that wait */
    struct quota_admission *waiting; /* for the answer to this one, oldest first */
    int64_t deadline_ms;
};

/* Fills the request. claim.mailbox and hold are borrowed until it is complete. True:
 * decided without a question. Any thread. */
bool quota_admission_init(struct quota_admission *admission, struct quota_desk *desk,
                          const struct ledger_claim *claim, int timeout_ms);

#endif
