/* SPDX-License-Identifier: MIT */
/* A short name of a decision: in the reply that a sender sees and quotes, and in the log
 * lines that say how it came about. */
#ifndef FOREGATE_MAIL_DECISION_ID_H
#define FOREGATE_MAIL_DECISION_ID_H

#include "base/arena.h"
#include "mail/verdict.h"

enum { DECISION_ID_CHARACTERS = 8 };

/* Random, so that nobody counts the mail of a server by it: of ten million ids, one in
 * 85,000 is some other one's as well. Digits and capitals, without those that look like
 * another (0 O, 1 I L). Lives in the arena. */
const char *decision_id_new(struct arena *arena);

/* `text (id K7Q2M9XA)`: the verdict's text with its id behind it, cut so that it stays
 * within VERDICT_TEXT_BYTES. The verdict's own text when it has no id. */
const char *decision_id_text(struct arena *arena, const struct verdict *verdict);

#endif
