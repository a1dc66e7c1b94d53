/* SPDX-License-Identifier: MIT */
/* A recorded transaction once more, through other rules: nothing is asked but the record
 * and the directory, nothing is written. */
#ifndef FOREGATE_REPLAY_REPLAY_H
#define FOREGATE_REPLAY_REPLAY_H

#include "record/record.h"
#include "replay/answers.h"
#include "transaction.h"

/* services is what the generation of the settings was made with; the settings record all.
 * Fills outcome as if the transaction had been recorded now, and missing with what was not
 * in the record, in arena. Returns the transaction, which outcome lives in, for the caller
 * to free. From now on the clock stands at the time of the record. One at a time. */
struct transaction *replay_record(const struct transaction_settings *settings,
                                  struct services *services, const struct record *record,
                                  struct arena *arena, struct record *outcome,
                                  struct missing *missing);

#endif
