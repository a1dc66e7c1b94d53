/* SPDX-License-Identifier: MIT */
#include "record/emit.h"
#include "record/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *record_part_name(enum record_part part)
{
    switch (part) {
    case RECORD_ANSWERS:
        return "answers";
    case RECORD_HEADERS:
        return "headers";
    case RECORD_PLAN:
        return "plan";
    case RECORD_EVENTS:
        return "events";
    case RECORD_SESSION:
        return "session";
    }
    return NULL;
}

static void put_time(struct emitter *emitter, int64_t time_ms)
{
    char text[64];
    char whole[40];
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%03dZ", whole, (int)(time_ms % 1000));
    emit_text(emitter, "time", text);
    emit_number(emitter, "time_ms", time_ms);
}

static void put_notes(struct emitter *emitter, const struct record *record)
{
    if (record->note_count == 0) {
        return;
    }
    /* As an object, also where the keys are 1, 2, 3: nil has a place in it. */
    emit_open(emitter, "notes", '[');
    for (size_t i = 0; i < record->note_count; i++) {
        struct value pair[] = {record->notes[i].key, record->notes[i].value};
        emit_values(emitter, NULL, &(struct value_list){.values = pair, .count = 2});
    }
    emit_close(emitter, ']');
}

static void put_session(struct emitter *emitter, const struct record *record,
                        unsigned omitted)
{
    const struct record_session *session = &record->session;
    emit_open(emitter, "session", '{');
    emit_text(emitter, "id", session->id);
    emit_bool(emitter, "first", record->is_first);
    if ((omitted & RECORD_SESSION) == 0) {
        emit_text(emitter, "ip", session->ip);
        emit_text(emitter, "name", session->name);
        emit_number(emitter, "port", session->port);
        emit_text(emitter, "listener", session->listener);
        emit_text(emitter, "login", session->login);
        emit_text(emitter, "login_method", session->login_method);
        emit_text(emitter, "tls_version", session->tls_version);
        emit_text(emitter, "tls_cipher", session->tls_cipher);
        emit_bool(emitter, "trusted", session->trusted);
    }
    if ((omitted & RECORD_HEADERS) == 0) {
        put_notes(emitter, record);
    }
    emit_close(emitter, '}');
}

static void put_verdict(struct emitter *emitter, const struct verdict *verdict)
{
    emit_text(emitter, "verdict", verdict_kind_name(verdict->kind));
    if (verdict_is_refusal(verdict)) {
        emit_number(emitter, "code", verdict->code);
        emit_text(emitter, "xcode", verdict->xcode);
    }
    emit_text(emitter, "text", verdict->text);
    emit_text(emitter, "rule", verdict->rule);
}

static void put_answer(struct emitter *emitter, const struct observation *answer)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "function", answer->name);
    emit_values(emitter, "arguments", &answer->arguments);
    if (answer->returned) {
        emit_values(emitter, "results", &answer->results);
    }
    if (answer->is_cut) {
        emit_bool(emitter, "cut", true);
    }
    emit_close(emitter, '}');
}

static bool has_answers(const struct decision *decision)
{
    for (const struct observation *at = decision->observations.first; at != NULL;
         at = at->next) {
        if (at->kind == OBSERVATION_ANSWER) {
            return true;
        }
    }
    return false;
}

static bool shows_answers(const struct decision *decision, unsigned omitted)
{
    return (omitted & RECORD_ANSWERS) == 0 && has_answers(decision);
}

/* Rules that neither said nor asked anything are left out. */
static bool is_kept(const struct decision *decision, unsigned omitted)
{
    return decision->verdict.kind != VERDICT_CONTINUE || decision->error != NULL ||
           shows_answers(decision, omitted);
}

static void put_decision(struct emitter *emitter, const struct decision *decision,
                         unsigned omitted)
{
    if (!is_kept(decision, omitted)) {
        return;
    }
    emit_open(emitter, NULL, '{');
    put_verdict(emitter, &decision->verdict);
    if (decision->shadow) {
        emit_bool(emitter, "shadow", true);
    }
    emit_text(emitter, "error", decision->error);
    if (shows_answers(decision, omitted)) {
        emit_open(emitter, "answers", '[');
        for (const struct observation *at = decision->observations.first; at != NULL;
             at = at->next) {
            if (at->kind == OBSERVATION_ANSWER) {
                put_answer(emitter, at);
            }
        }
        emit_close(emitter, ']');
    }
    emit_close(emitter, '}');
}

static void put_event(struct emitter *emitter, const struct record_event *event,
                      unsigned omitted)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "stage", event->stage);
    if (event->arguments != NULL) {
        emit_open(emitter, "arguments", '[');
        for (const char **at = event->arguments; *at != NULL; at++) {
            emit_text(emitter, NULL, *at);
        }
        emit_close(emitter, ']');
    }
    emit_text(emitter, "queue_id", event->queue_id);
    put_verdict(emitter, &event->verdict);
    bool has_rules = false;
    for (size_t i = 0; i < event->decision_count; i++) {
        has_rules = has_rules || is_kept(&event->decisions[i], omitted);
    }
    if (has_rules) {
        emit_open(emitter, "rules", '[');
        for (size_t i = 0; i < event->decision_count; i++) {
            put_decision(emitter, &event->decisions[i], omitted);
        }
        emit_close(emitter, ']');
    }
    emit_close(emitter, '}');
}

static void put_headers(struct emitter *emitter, const struct record *record)
{
    emit_open(emitter, "headers", '{');
    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        emit_open(emitter, header->name, '[');
        for (size_t j = 0; j < header->count; j++) {
            emit_text(emitter, NULL, header->values[j]);
        }
        emit_close(emitter, ']');
    }
    emit_close(emitter, '}');
}

static void put_plan(struct emitter *emitter, const struct edit_list *edits)
{
    emit_open(emitter, "plan", '[');
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->edits[i];
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "edit", edit_kind_name(edit->kind));
        emit_text(emitter, "address", edit->address);
        emit_text(emitter, "orcpt", edit->orcpt);
        emit_text(emitter, "notify", edit->notify);
        emit_text(emitter, "name", edit->name);
        if (edit->index != 0) {
            emit_number(emitter, "index", edit->index);
        }
        emit_text(emitter, "value", edit->value);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

static void put_omitted(struct emitter *emitter, const struct record *record,
                        unsigned omitted)
{
    emit_open(emitter, "omitted", '[');
    for (unsigned part = RECORD_ANSWERS; part <= RECORD_SESSION; part *= 2) {
        if ((omitted & part) != 0) {
            emit_text(emitter, NULL, record_part_name((enum record_part)part));
        }
    }
    emit_close(emitter, ']');
    if (record->dropped_count > 0) {
        emit_number(emitter, "dropped", (int64_t)record->dropped_count);
    }
}

static void put_message(struct emitter *emitter, const struct record *record)
{
    if (record->is_concluded) {
        emit_open(emitter, "message", '{');
        put_verdict(emitter, &record->verdict);
        emit_close(emitter, '}');
    }
    emit_bool(emitter, "accepted", record->is_accepted);
}

static void put_record(struct emitter *emitter, const struct record *record,
                       unsigned omitted)
{
    char digest[24];
    snprintf(digest, sizeof digest, "%016" PRIx64, record->directory);
    emit_open(emitter, NULL, '{');
    emit_number(emitter, "foregate", RECORD_FORMAT); /* first: a reader knows at once */
    put_time(emitter, record->time_ms);
    emit_text(emitter, "version", record->program);
    emit_number(emitter, "generation", (int64_t)record->generation);
    emit_text(emitter, "directory", digest);
    put_session(emitter, record, omitted);
    if ((omitted & RECORD_SESSION) == 0) {
        emit_text(emitter, "queue_id", record->queue_id);
    }
    if (record->size_bytes >= 0) {
        emit_number(emitter, "size", record->size_bytes);
    }
    if (record->header_too_long) {
        emit_bool(emitter, "header_too_long", true);
    }
    emit_open(emitter, "events", '[');
    for (size_t i = 0; (omitted & RECORD_EVENTS) == 0 && i < record->event_count; i++) {
        put_event(emitter, &record->events[i], omitted);
    }
    emit_close(emitter, ']');
    if ((omitted & RECORD_HEADERS) == 0) {
        put_headers(emitter, record);
    }
    if ((omitted & RECORD_PLAN) == 0) {
        put_plan(emitter, &record->edits);
    }
    put_message(emitter, record);
    if (omitted != 0 || record->dropped_count > 0) {
        put_omitted(emitter, record, omitted);
    }
    emit_close(emitter, '}');
    buffer_append(emitter->buffer, "\n", 1);
}

void record_write(const struct record *record, struct buffer *line)
{
    /* What is left out first is what a replay misses least. */
    static const unsigned steps[] = {
        0,
        RECORD_ANSWERS,
        RECORD_ANSWERS | RECORD_HEADERS,
        RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN,
        RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN | RECORD_EVENTS,
        RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN | RECORD_EVENTS | RECORD_SESSION,
    };

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct emitter emitter = {.buffer = line};
        buffer_clear(line);
        put_record(&emitter, record, record->omitted | steps[i]);
        if (!line->truncated) {
            return;
        }
    }
}
