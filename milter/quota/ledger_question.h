/* SPDX-License-Identifier: MIT */
/* What Dovecot is asked about a claim: how many bytes, so that its answer shows what the
 * ledger wants to know. Knows no mailbox: under_way is what is on its way to one, in bytes,
 * that of the claim's own message included. Private to ledger*.c. */
#ifndef FOREGATE_QUOTA_LEDGER_QUESTION_H
#define FOREGATE_QUOTA_LEDGER_QUESTION_H

#include "quota/ledger.h"

#include <stdbool.h>
#include <stdint.h>

/* What is asked about, in this order. */
enum ledger_step {
    STEP_LEASE, /* all on its way, the message, the grace and room for more */
    STEP_SAFE,  /* the same without room for more */
    STEP_ALONE, /* the message as if nothing were on its way */
};

/* Nothing else is on its way to the mailbox. */
bool question_is_alone(int64_t under_way, const struct ledger_claim *claim);

/* Then Dovecot judges it as it will at delivery. */
bool question_is_one_delivery(int64_t under_way, const struct ledger_claim *claim);

/* Each sets step, question and lease of the claim. Plainly is without a lease. */
void question_alone(const struct ledger_settings *settings, struct ledger_claim *claim);
void question_plainly(const struct ledger_settings *settings, int64_t under_way,
                      struct ledger_claim *claim);
void question_with_lease(const struct ledger_settings *settings, int64_t under_way,
                         struct ledger_claim *claim);

#endif
