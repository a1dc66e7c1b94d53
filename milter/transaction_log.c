/* SPDX-License-Identifier: MIT */
#include "transaction_log.h"

#include "base/clock.h"
#include "base/log.h"
#include "mail/plan_text.h"

void transaction_log_message(const struct session *session, const struct message *message,
                             const struct generation *generation,
                             const struct timespec *begin, const struct verdict *verdict,
                             const struct edit_list *edits)
{
    struct log_line line;
    log_begin(&line, LOG_INFO, "message");
    log_text(&line, "session", session->id);
    log_text(&line, "qid", message->queue_id);
    log_text(&line, "client", session->ip);
    log_text(&line, "login", session->login);
    log_text(&line, "from", message->sender.external);
    log_number(&line, "recipients", (int64_t)message->recipient_count);
    log_number(&line, "accepted", (int64_t)message_accepted_count(message));
    if (generation_has_stage(generation, STAGE_FINISH)) {
        log_number(&line, "size", message_size(message)); /* else the body was skipped */
    }
    log_number(&line, "edits", (int64_t)edits->count);
    log_text(&line, "plan", edits_text(message->arena, edits));
    log_text(&line, "verdict", verdict_kind_name(verdict->kind));
    if (verdict_is_refusal(verdict)) {
        log_number(&line, "code", verdict->code);
    }
    log_text(&line, "rule", verdict->rule);
    log_text(&line, "id", verdict->id);
    log_number(&line, "generation", (int64_t)generation_number(generation));
    log_number(&line, "ms", (int64_t)clock_elapsed_ms(begin));
    log_end(&line);
}

void transaction_log_spared(const struct session *session, const char *stage,
                            const struct verdict *verdict)
{
    struct log_line line;
    log_begin(&line, LOG_WARNING, "spared");
    log_text(&line, "session", session->id);
    log_text(&line, "stage", stage);
    log_text(&line, "rule", verdict->rule);
    log_number(&line, "code", verdict->code);
    log_text(&line, "id", verdict->id);
    log_text(&line, "text", "mail from sendmail(1) is not refused at this stage");
    log_end(&line);
}

void transaction_log_expansion(const struct session *session, const struct message *message,
                               const struct recipient *recipient, size_t count,
                               size_t before)
{
    struct log_line line;
    log_begin(&line, LOG_WARNING, "too_many_recipients");
    log_text(&line, "session", session->id);
    log_text(&line, "qid", message->queue_id);
    log_text(&line, "recipient", recipient->address.external);
    log_number(&line, "expands_to", (int64_t)count);
    log_number(&line, "before", (int64_t)before);
    log_end(&line);
}

void transaction_log_plan(const struct session *session, const struct message *message,
                          const struct verdict *verdict, const char *plan,
                          const struct error *error)
{
    struct log_line line;
    log_begin(&line, LOG_ERROR, "plan_error");
    log_text(&line, "session", session->id);
    log_text(&line, "qid", message->queue_id);
    log_text(&line, "id", verdict->id);
    log_text(&line, "error", error->text);
    log_text(&line, "plan", plan);
    log_end(&line);
}
