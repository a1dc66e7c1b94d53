/* SPDX-License-Identifier: MIT */
#include "transaction.h"

#include "base/counter.h"
#include "directory/envelope.h"
#include "mail/decision_id.h"
#include "mail/plan_text.h"
#include "transaction_log.h"
#include "transaction_state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct transaction *transaction_new(const struct transaction_settings *settings)
{
    struct transaction *transaction = malloc(sizeof *transaction);
    if (transaction == NULL) {
        abort();
    }
    *transaction = (struct transaction){
        .settings = settings,
        .session = session_new(),
        .message = message_new(),
        .session_record = arena_new(),
        .observed = arena_new(),
    };
    message_end(transaction->message);
    transaction_forget_session(transaction);
    transaction_forget_decisions(transaction);
    return transaction;
}

void transaction_free(struct transaction **transaction)
{
    if (*transaction == NULL) {
        return;
    }
    transaction_end(*transaction);
    message_free(&(*transaction)->message);
    session_free(&(*transaction)->session);
    arena_free(&(*transaction)->session_record);
    arena_free(&(*transaction)->observed);
    free(*transaction);
    *transaction = NULL;
}

bool transaction_is_open(const struct transaction *transaction)
{
    return transaction->message->open;
}

struct session *transaction_session(const struct transaction *transaction)
{
    return transaction->session;
}

const struct decision_list *transaction_decisions(const struct transaction *transaction)
{
    return transaction->message->open ? &transaction->decisions
                                      : &transaction->session_decisions;
}

void transaction_end(struct transaction *transaction)
{
    const struct services *services = transaction->settings->services;
    transaction_keep(transaction);
    int64_t size = transaction->accepted
                       ? message_size(transaction->message) + services->quota_overhead
                       : 0;
    quota_holds_end(&transaction->holds, services->ledger, transaction->accepted, size);
    transaction->accepted = false;
    transaction->rewritten_count = 0;
    source_memory_end(&transaction->memory);
    message_end(transaction->message);
    transaction_forget_decisions(transaction);
    transaction->kept = (struct verdict){.kind = VERDICT_CONTINUE};
    generation_release(&transaction->generation);
    snapshot_release(&transaction->snapshot);
}

/* connect and helo belong to no message: they run on what is current. */
static struct verdict call_session_stage(struct transaction *transaction, enum stage stage)
{
    struct generation *generation;
    struct snapshot *snapshot;
    current_hold(transaction->settings->current, &generation, &snapshot);
    struct source_memory memory = {0};
    struct arena *told = arena_new();
    const struct directory directory =
        source_memory_begin(&memory, transaction->settings->sources, snapshot, told);
    struct stage_call call = {
        .stage = stage,
        .session = transaction->session,
        .directory = &directory,
        .arena = transaction->session->arena,
        .decisions = &transaction->session_decisions,
    };
    transaction_limit_session(transaction);
    engine_call(generation, &call);
    source_memory_end(&memory);
    arena_free(&told);
    generation_release(&generation);
    snapshot_release(&snapshot);
    return call.verdict;
}

static struct stage_call message_call(struct transaction *transaction, enum stage stage,
                                      struct recipient *recipient)
{
    return (struct stage_call){
        .stage = stage,
        .session = transaction->session,
        .message = transaction->message,
        .recipient = recipient,
        .directory = transaction->snapshot != NULL ? &transaction->directory : NULL,
        .arena = transaction->message->arena,
        .decisions = &transaction->decisions,
        .holds = &transaction->holds,
    };
}

static struct verdict call_message_stage(struct transaction *transaction, enum stage stage,
                                         struct recipient *recipient)
{
    struct stage_call call = message_call(transaction, stage, recipient);
    transaction_account(transaction);
    engine_call(transaction->generation, &call);
    return call.verdict;
}

static struct verdict refusal(enum verdict_kind kind, int code, const char *xcode,
                              const char *text)
{
    return (struct verdict){.kind = kind, .code = code, .xcode = xcode, .text = text};
}

/* Whatever the client is told has an id and stands in the log; what rules decided does
 * already. Once a verdict. */
static struct verdict tell(struct transaction *transaction, enum stage stage,
                           struct recipient *recipient, struct verdict verdict)
{
    if (!verdict_is_refusal(&verdict)) {
        return verdict;
    }
    if (!transaction->message->open && verdict.id == NULL) {
        transaction_limit_session(transaction);
    }
    struct stage_call call = message_call(transaction, stage, recipient);
    if (!transaction->message->open) {
        call.message = NULL;
        call.decisions = &transaction->session_decisions;
    }
    if (verdict.id == NULL) {
        engine_record(transaction->generation, &call, &verdict);
    }
    if (transaction->settings->reply_id) {
        verdict.text = decision_id_text(call.decisions->arena, &verdict);
    }
    return verdict;
}

struct verdict transaction_stopping(struct transaction *transaction)
{
    return tell(transaction, STAGE_MAIL, NULL,
                refusal(VERDICT_DISCONNECT, 421, "4.3.2",
                        "Service is shutting down, try again later"));
}

struct verdict transaction_connect(struct transaction *transaction, const struct peer *peer)
{
    struct session *session = transaction->session;
    counter_add(COUNTER_SESSIONS, 1);
    session_set(session, &session->name, peer->name != NULL ? peer->name : "");
    session_set(session, &session->ip, peer->ip != NULL ? peer->ip : "");
    session_set(session, &session->listener, peer->listener != NULL ? peer->listener : "");
    session->trusted = network_list_contains(transaction->settings->trusted, session->ip);
    session->local_submission = peer->port == 0 && strcmp(session->name, "localhost") == 0;
    session->port = peer->port;
    struct verdict verdict = tell(transaction, STAGE_CONNECT, NULL,
                                  call_session_stage(transaction, STAGE_CONNECT));
    return transaction_note(transaction, STAGE_CONNECT, NULL, NULL, verdict);
}

struct verdict transaction_helo(struct transaction *transaction, const char *name)
{
    struct session *session = transaction->session;
    session_set(session, &session->helo, name != NULL ? name : "");
    struct verdict verdict =
        tell(transaction, STAGE_HELO, NULL, call_session_stage(transaction, STAGE_HELO));
    return transaction_note(transaction, STAGE_HELO, session->helo, NULL, verdict);
}

static void set_queue_id(struct message *message, const char *queue_id)
{
    if (queue_id != NULL && strcmp(message->queue_id, queue_id) != 0) {
        message->queue_id = arena_copy(message->arena, queue_id);
    }
}

/* Refused at MAIL or RCPT, mail of sendmail(1) stays in maildrop and is tried for ever. */
static struct verdict spare_local_submission(const struct transaction *transaction,
                                             struct verdict verdict, const char *stage)
{
    if (!transaction->session->local_submission || !verdict_is_refusal(&verdict)) {
        return verdict;
    }
    transaction_log_spared(transaction->session, stage, &verdict);
    return (struct verdict){.kind = VERDICT_CONTINUE};
}

struct verdict transaction_mail(struct transaction *transaction,
                                const struct mail_facts *facts,
                                const char *const *arguments)
{
    struct session *session = transaction->session;
    struct message *message = transaction->message;
    transaction_end(transaction);
    if (arguments[0] == NULL) {
        return tell(transaction, STAGE_MAIL, NULL,
                    refusal(VERDICT_REJECT, 501, "5.5.4", "Syntax: MAIL FROM:<address>"));
    }
    message_begin(message, arguments + 1);
    current_hold(transaction->settings->current, &transaction->generation,
                 &transaction->snapshot);
    transaction->directory =
        source_memory_begin(&transaction->memory, transaction->settings->sources,
                            transaction->snapshot, message->arena);
    clock_gettime(CLOCK_MONOTONIC, &transaction->begin);
    transaction_note_begin(transaction);
    set_queue_id(message, facts->queue_id);
    session_set(session, &session->login, facts->login);
    session_set(session, &session->login_method, facts->login_method);
    session_set(session, &session->tls_version, facts->tls_version);
    session_set(session, &session->tls_cipher, facts->tls_cipher);
    message_set_sender(message, arguments[0],
                       &snapshot_settings(transaction->snapshot)->rules);
    struct verdict verdict = call_message_stage(transaction, STAGE_MAIL, NULL);
    verdict = tell(transaction, STAGE_MAIL, NULL,
                   spare_local_submission(transaction, verdict, "mail"));
    return transaction_note(transaction, STAGE_MAIL, arguments[0], message->params,
                            verdict);
}

/* Of mail from sendmail(1) too, a recipient that there is no room for cannot be taken:
 * since it may not be refused at RCPT, the message is deferred as a whole, at end of
 * headers. */
static struct verdict too_many(struct transaction *transaction)
{
    struct verdict verdict =
        refusal(VERDICT_DEFER, 452, "4.5.3", "Too many recipients, try again with fewer");
    if (transaction->session->local_submission) {
        transaction->kept = verdict;
    }
    return verdict;
}

static struct verdict judge_recipient(struct transaction *transaction,
                                      struct recipient *recipient, const char *raw)
{
    struct message *message = transaction->message;
    const struct address_rules *rules = &snapshot_settings(transaction->snapshot)->rules;
    struct error error;
    if (!address_parse(message->arena, raw, rules, &recipient->address, &error) ||
        recipient->address.is_null) {
        address_from_internal(message->arena, raw, rules, &recipient->address);
        return refusal(VERDICT_REJECT, 501, "5.1.3", "Bad recipient address syntax");
    }
    if (!transaction_account(transaction)) {
        return too_many(transaction);
    }
    return call_message_stage(transaction, STAGE_RCPT, recipient);
}

/* For our own part of a stage, which must end in time like its rules. */
static struct directory directory_in(const struct transaction *transaction,
                                     enum stage stage)
{
    struct directory directory = transaction->directory;
    directory.deadline_ms = generation_deadline_ms(transaction->generation, stage);
    return directory;
}

/* Mail of sendmail(1) cannot be told that an alias is too large: the MTA expands it. */
static const struct rewrite *rewrite_of(const struct transaction *transaction)
{
    static const struct rewrite none = {.expand = false};
    bool spared = transaction->session->local_submission ||
                  generation_is_shadow(transaction->generation);
    return spared ? &none : &transaction->settings->rewrite;
}

/* Aliases must not make more recipients of one message than rewrite.max_recipients. */
static struct verdict limit_expansion(struct transaction *transaction,
                                      const struct recipient *recipient)
{
    const struct rewrite *rewrite = rewrite_of(transaction);
    struct directory directory = directory_in(transaction, STAGE_RCPT);
    size_t count = rewrite_count(rewrite, &recipient->address, &directory);
    transaction->rewritten_count += count;
    if (!rewrite->expand || transaction->rewritten_count <= rewrite->recipients_max) {
        return (struct verdict){.kind = VERDICT_CONTINUE};
    }
    transaction->rewritten_count -= count;
    transaction_log_expansion(transaction->session, transaction->message, recipient, count,
                              transaction->rewritten_count);
    return too_many(transaction);
}

struct verdict transaction_rcpt(struct transaction *transaction, const char *queue_id,
                                const char *const *arguments)
{
    struct message *message = transaction->message;
    if (arguments[0] == NULL || !message->open) {
        return tell(transaction, STAGE_RCPT, NULL,
                    refusal(VERDICT_REJECT, 501, "5.5.4", "Syntax: RCPT TO:<address>"));
    }
    set_queue_id(message, queue_id);
    counter_add(COUNTER_RECIPIENTS, 1);
    struct recipient *recipient = message_add_recipient(message, arguments + 1);
    struct verdict verdict = judge_recipient(transaction, recipient, arguments[0]);
    if (!verdict_is_refusal(&verdict)) {
        verdict = limit_expansion(transaction, recipient);
    }
    verdict = spare_local_submission(transaction, verdict, "rcpt");
    bool refused = verdict_is_refusal(&verdict);
    recipient->state = refused ? RECIPIENT_REFUSED : RECIPIENT_ACCEPTED;
    counter_add(COUNTER_REFUSED_RECIPIENTS, refused ? 1 : 0);
    if (refused) {
        quota_holds_drop(&transaction->holds, transaction->settings->services->ledger,
                         recipient);
    }
    verdict = tell(transaction, STAGE_RCPT, recipient, verdict);
    return transaction_note(transaction, STAGE_RCPT, arguments[0], recipient->params,
                            verdict);
}

void transaction_data(struct transaction *transaction, const char *queue_id)
{
    if (transaction->message->open) {
        set_queue_id(transaction->message, queue_id);
        struct verdict verdict = call_message_stage(transaction, STAGE_DATA, NULL);
        if (transaction->kept.kind == VERDICT_CONTINUE) {
            transaction->kept = verdict;
        }
        transaction_note(transaction, STAGE_DATA, NULL, NULL, verdict);
    }
}

void transaction_header(struct transaction *transaction, const char *name,
                        const char *value)
{
    struct message *message = transaction->message;
    if (message->open) {
        header_add(&message->headers, message->arena, name, value);
    }
}

/* libmilter gives no end without a begin; should it, nothing was judged. */
static struct verdict not_begun(struct transaction *transaction, enum stage stage)
{
    return tell(transaction, stage, NULL,
                refusal(VERDICT_DEFER, 451, "4.3.0", "Temporary failure, try again later"));
}

struct verdict transaction_end_of_headers(struct transaction *transaction,
                                          const char *queue_id)
{
    struct message *message = transaction->message;
    if (!message->open) {
        return not_begun(transaction, STAGE_HEADERS);
    }
    set_queue_id(message, queue_id);
    struct verdict verdict = transaction->kept;
    if (verdict.kind == VERDICT_CONTINUE && message->headers.truncated) {
        /* Rules that look at headers must not be passed by hiding one behind a million
         * others. */
        verdict = refusal(VERDICT_REJECT, 552, "5.3.4", "Message header is too long");
    } else if (verdict.kind == VERDICT_CONTINUE) {
        verdict = call_message_stage(transaction, STAGE_HEADERS, NULL);
    }
    verdict = tell(transaction, STAGE_HEADERS, NULL, verdict);
    return transaction_note(transaction, STAGE_HEADERS, NULL, NULL, verdict);
}

bool transaction_body(struct transaction *transaction, size_t bytes)
{
    struct message *message = transaction->message;
    if (!message->open || !generation_has_stage(transaction->generation, STAGE_FINISH)) {
        return false;
    }
    message->body_bytes += (int64_t)bytes;
    return true;
}

static struct verdict plan_failed(struct transaction *transaction, const char *plan,
                                  const struct error *error)
{
    counter_add(COUNTER_PLAN_ERRORS, 1);
    struct verdict verdict =
        tell(transaction, STAGE_FINISH, NULL,
             refusal(VERDICT_DEFER, 451, "4.3.0",
                     "The message cannot be rewritten now, try again later"));
    transaction_log_plan(transaction->session, transaction->message, &verdict, plan, error);
    return verdict;
}

struct verdict transaction_edit_failed(struct transaction *transaction,
                                       const struct edit_list *edits,
                                       const struct error *error)
{
    return plan_failed(transaction, edits_text(transaction->message->arena, edits), error);
}

/* Never a half-applied edit: a plan that fails its check is a temporary refusal. */
static struct verdict make_plan(struct transaction *transaction, struct edit_list *edits)
{
    struct message *message = transaction->message;
    const struct rewrite *rewrite = rewrite_of(transaction);
    struct directory directory = directory_in(transaction, STAGE_FINISH);
    struct error error = {0};
    struct recipient *const *recipients = rewrite_recipients(rewrite, message, &directory);
    if (envelope_plan(&message->plan, recipients, message->recipient_count, &directory,
                      message->arena, edits, &error)) {
        rewrite_trace(rewrite, message, edits);
        return (struct verdict){.kind = VERDICT_CONTINUE};
    }
    return plan_failed(
        transaction,
        plan_text(message->arena, &message->plan, recipients, message->recipient_count),
        &error);
}

struct verdict transaction_finish(struct transaction *transaction, const char *queue_id,
                                  struct edit_list *edits)
{
    struct message *message = transaction->message;
    *edits = (struct edit_list){0};
    if (!message->open) {
        return not_begun(transaction, STAGE_FINISH);
    }
    set_queue_id(message, queue_id);
    struct verdict verdict = tell(transaction, STAGE_FINISH, NULL,
                                  call_message_stage(transaction, STAGE_FINISH, NULL));
    if (verdict.kind == VERDICT_CONTINUE || verdict.kind == VERDICT_QUARANTINE) {
        struct verdict planned = make_plan(transaction, edits);
        verdict = planned.kind != VERDICT_CONTINUE ? planned : verdict;
    }
    transaction->transcript.edits = *edits;
    return transaction_note(transaction, STAGE_FINISH, NULL, NULL, verdict);
}

struct verdict transaction_data_verdict(const struct transaction *transaction)
{
    return transaction->kept;
}

void transaction_conclude(struct transaction *transaction, const struct verdict *verdict,
                          const struct edit_list *edits)
{
    if (!transaction->message->open) {
        return;
    }
    bool accepted =
        verdict->kind == VERDICT_CONTINUE || verdict->kind == VERDICT_QUARANTINE;
    transaction->accepted = accepted;
    transaction_note_end(transaction, verdict);
    if (accepted) {
        counter_add(COUNTER_REPLACED,
                    (int64_t)message_replaced_count(transaction->message));
        counter_add(COUNTER_LEFT_OUT, (int64_t)edits->left_out_count);
    }
    counter_add(COUNTER_MESSAGES, 1);
    counter_add(COUNTER_REFUSED_MESSAGES, verdict_is_refusal(verdict) ? 1 : 0);
    transaction_log_message(transaction->session, transaction->message,
                            transaction->generation, &transaction->begin, verdict, edits);
}
