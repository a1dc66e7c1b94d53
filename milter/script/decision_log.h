/* SPDX-License-Identifier: MIT */
/* What the log says of decisions: one line `decision` for each verdict; at level debug
 * `rule_call` for each call of a rule, with what explain would show. */
#ifndef FOREGATE_SCRIPT_DECISION_LOG_H
#define FOREGATE_SCRIPT_DECISION_LOG_H

#include "mail/decision.h"
#include "mail/message.h"
#include "mail/session.h"

/* message: NULL in connect and helo. */
void decision_log(const struct decision *decision, const struct session *session,
                  const struct message *message);

/* As many lines as it takes; nothing unless the level is active. */
void decision_log_call(const struct decision *decision, const struct session *session,
                       const struct message *message);

#endif
