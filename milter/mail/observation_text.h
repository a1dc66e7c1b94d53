/* SPDX-License-Identifier: MIT */
/* Observations for people: one line each, printable, cut with a visible sign. */
#ifndef FOREGATE_MAIL_OBSERVATION_TEXT_H
#define FOREGATE_MAIL_OBSERVATION_TEXT_H

#include "mail/observation.h"

/* `quota.check(full@example.com, 1000) = over, "Mailbox is full"`. Texts stand in quotes
 * where they could be taken for something else, with \xNN for control characters and bytes
 * that are no UTF-8. Arguments and results are cut at maximum bytes each, to end in "...".
 */
const char *observation_text(struct arena *arena, const struct observation *observation,
                             size_t maximum);

/* Of an answer, `asked: 1000 bytes wanted; 1.2 ms`; of others NULL. */
const char *observation_origin(struct arena *arena, const struct observation *observation);

#endif
