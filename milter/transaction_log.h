/* SPDX-License-Identifier: MIT */
/* What the log says of a transaction, beside the decisions of rules. */
#ifndef FOREGATE_TRANSACTION_LOG_H
#define FOREGATE_TRANSACTION_LOG_H

#include "mail/message.h"
#include "mail/plan.h"
#include "mail/session.h"
#include "mail/verdict.h"
#include "script/engine.h"

#include <stddef.h>
#include <time.h>

/* The one line `message`: what became of it. begin: of the transaction, monotonic. */
void transaction_log_message(const struct session *session, const struct message *message,
                             const struct generation *generation,
                             const struct timespec *begin, const struct verdict *verdict,
                             const struct edit_list *edits);

/* A refusal that mail of sendmail(1) is not told. */
void transaction_log_spared(const struct session *session, const char *stage,
                            const struct verdict *verdict);

/* An alias that would make too many recipients; before: without it. */
void transaction_log_expansion(const struct session *session, const struct message *message,
                               const struct recipient *recipient, size_t count,
                               size_t before);

/* No plan, or not all of it could be sent; plan: what rules wanted. */
void transaction_log_plan(const struct session *session, const struct message *message,
                          const struct verdict *verdict, const char *plan,
                          const struct error *error);

#endif
