/* SPDX-License-Identifier: MIT */
#include "replay/replay.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct player {
    const struct record *record;
    struct transaction *transaction;
    bool has_recipient; /* that was accepted */
};

static struct verdict play_mail(struct player *player, const struct record_event *event)
{
    const struct record *record = player->record;
    const struct record_session *session = &record->session;
    const struct mail_facts facts = {
        .login = session->login,
        .login_method = session->login_method,
        .tls_version = session->tls_version,
        .tls_cipher = session->tls_cipher,
        .queue_id = event->queue_id,
    };
    /* What earlier transactions noted. */
    struct session *playing = transaction_session(player->transaction);
    for (size_t i = 0; !record->is_first && i < record->note_count; i++) {
        value_set(playing->arena, &playing->notes, record->notes[i].key,
                  record->notes[i].value);
    }
    return transaction_mail(player->transaction, &facts, event->arguments);
}

/* Of the header only what rules have read is known; the rest of the size is body. */
static struct verdict play_headers(struct player *player, const char *queue_id)
{
    const struct record *record = player->record;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        for (size_t j = 0; j < header->count; j++) {
            transaction_header(player->transaction, header->name, header->values[j]);
        }
    }
    if (record->header_too_long) {
        transaction_header_cut(player->transaction);
    }
    return transaction_end_of_headers(player->transaction, queue_id);
}

static int64_t known_bytes(const struct record *record)
{
    int64_t bytes = 2; /* the line behind the header */
    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        for (size_t j = 0; j < header->count; j++) {
            bytes += (int64_t)(strlen(header->name) + strlen(header->values[j]) + 4);
        }
    }
    return bytes;
}

static struct verdict play_finish(struct player *player, const char *queue_id)
{
    struct edit_list edits;
    int64_t bytes = player->record->size_bytes - known_bytes(player->record);
    if (bytes > 0) {
        transaction_body(player->transaction, (size_t)bytes);
    }
    return transaction_finish(player->transaction, queue_id, &edits);
}

/* False: nothing comes after it. */
static bool play_event(struct player *player, const struct record_event *event)
{
    const struct record_session *session = &player->record->session;
    const struct peer peer = {
        .name = session->name,
        .ip = session->ip,
        .port = session->port,
        .listener = session->listener,
    };
    struct verdict verdict = {.kind = VERDICT_CONTINUE};
    if (strcmp(event->stage, "connect") == 0) {
        verdict = transaction_connect(player->transaction, &peer);
    } else if (strcmp(event->stage, "helo") == 0) {
        verdict = transaction_helo(player->transaction, event->arguments[0]);
    } else if (strcmp(event->stage, "mail") == 0) {
        verdict = play_mail(player, event);
    } else if (strcmp(event->stage, "rcpt") == 0) {
        verdict = transaction_rcpt(player->transaction, event->queue_id, event->arguments);
        player->has_recipient = player->has_recipient || !verdict_is_refusal(&verdict);
        return verdict.kind != VERDICT_DISCONNECT;
    } else if (!player->has_recipient) {
        return false;
    } else if (strcmp(event->stage, "data") == 0) {
        transaction_data(player->transaction, event->queue_id);
    } else if (strcmp(event->stage, "headers") == 0) {
        verdict = play_headers(player, event->queue_id);
    } else {
        verdict = play_finish(player, event->queue_id);
    }
    return verdict.kind == VERDICT_CONTINUE;
}

static bool has_header(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (text_equal_folded(record->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool has_note(const struct record *record, const struct value *key)
{
    for (size_t i = 0; i < record->note_count; i++) {
        if (value_equal(&record->notes[i].key, key)) {
            return true;
        }
    }
    return false;
}

static bool has_edit_of(const struct record *outcome, const char *header)
{
    for (size_t i = 0; i < outcome->edits.count; i++) {
        const char *name = outcome->edits.edits[i].name;
        if (name != NULL && text_equal_folded(name, header)) {
            return true;
        }
    }
    return false;
}

/* The plan looks for its trace header, which matters only where it adds one. */
static void miss_headers(const struct transaction_settings *settings,
                         const struct record *record, const struct record *outcome,
                         struct arena *arena, struct missing *missing)
{
    for (size_t i = 0; i < outcome->header_count; i++) {
        const char *name = outcome->headers[i].name;
        const char *trace = settings->rewrite.header;
        bool matters =
            trace == NULL || !text_equal_folded(trace, name) || has_edit_of(outcome, name);
        if (matters && !has_header(record, name)) {
            missing_add(missing, arena, arena_format(arena, "header %s", name));
        }
    }
}

static void miss_notes(const struct record *record, const struct record *outcome,
                       struct arena *arena, struct missing *missing)
{
    for (size_t i = 0; !record->is_first && i < outcome->note_count; i++) {
        const struct value *key = &outcome->notes[i].key;
        if (!has_note(record, key)) {
            const char *name = key->type == VALUE_TEXT ? key->text.bytes : "(number)";
            missing_add(missing, arena, arena_format(arena, "session.notes.%s", name));
        }
    }
}

static bool reads_size(const struct record_event *event)
{
    for (size_t i = 0; i < event->decision_count; i++) {
        const struct observation *at = event->decisions[i].observations.first;
        for (; at != NULL; at = at->next) {
            if (strcmp(at->name, "message.size_bytes") == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool edits_recipients(const struct record *outcome)
{
    for (size_t i = 0; i < outcome->edits.count; i++) {
        enum edit_kind kind = outcome->edits.edits[i].kind;
        if (kind == EDIT_ADD_RECIPIENT || kind == EDIT_DELETE_RECIPIENT) {
            return true;
        }
    }
    return false;
}

static bool event_replaces(const struct record_event *event)
{
    for (size_t i = 0; i < event->decision_count; i++) {
        const struct observation *at = event->decisions[i].observations.first;
        for (; at != NULL; at = at->next) {
            if (strcmp(at->name, "recipient.replace") == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the directory was asked for a plan, or whether there can be one. */
static bool has_plan(const struct record *record)
{
    const struct record_event *events = record->events;
    bool has = edits_recipients(record);
    for (size_t i = 0; events != NULL && !has && i < record->event_count; i++) {
        has = event_replaces(&events[i]);
    }
    return has;
}

static void miss_plan(const struct record *record, uint64_t directory,
                      const struct record *outcome, struct arena *arena,
                      struct missing *missing)
{
    bool is_same = directory != 0 && directory == record->directory;
    if (!is_same && (has_plan(outcome) || has_plan(record))) {
        missing_add(missing, arena,
                    directory != 0 ? "the plan (the directory of today was asked)"
                                   : "the plan (only the volume was asked)");
    }
}

static void miss_parts(const struct record *record, struct arena *arena,
                       struct missing *missing)
{
    for (unsigned part = RECORD_ANSWERS; part <= RECORD_SESSION; part *= 2) {
        if ((record->omitted & part) != 0) {
            missing_add(missing, arena,
                        arena_format(arena, "%s (the record was too long)",
                                     record_part_name((enum record_part)part)));
        }
    }
    if (record->dropped_count > 0) {
        missing_add(missing, arena,
                    arena_format(arena, "%zu things that rules read or were answered",
                                 record->dropped_count));
    }
}

static void look_for_missing(const struct transaction_settings *settings,
                             const struct record *record, uint64_t directory,
                             const struct record *outcome, struct arena *arena,
                             struct missing *missing)
{
    const struct record_event *last =
        outcome->event_count > 0 ? &outcome->events[outcome->event_count - 1] : NULL;
    bool is_finished = last != NULL && strcmp(last->stage, "finish") == 0;
    miss_parts(record, arena, missing);
    miss_headers(settings, record, outcome, arena, missing);
    miss_notes(record, outcome, arena, missing);
    if (is_finished && record->size_bytes < 0 && reads_size(last)) {
        missing_add(missing, arena, "the size of the message");
    }
    miss_plan(record, directory, outcome, arena, missing);
}

static uint64_t digest_of(const struct transaction_settings *settings)
{
    struct generation *generation;
    struct snapshot *snapshot;
    current_hold(settings->current, &generation, &snapshot);
    uint64_t digest = snapshot_digest(snapshot);
    generation_release(&generation);
    snapshot_release(&snapshot);
    return digest;
}

struct transaction *replay_record(const struct transaction_settings *settings,
                                  struct services *services, const struct record *record,
                                  struct arena *arena, struct record *outcome,
                                  struct missing *missing)
{
    struct player player = {
        .record = record,
        .transaction = transaction_new(settings),
    };
    uint64_t directory = digest_of(settings);
    const struct replay replay = {
        .find = answers_find,
        .context = answers_new(arena, record, directory, missing),
    };
    struct session *session = transaction_session(player.transaction);
    snprintf(session->id, sizeof session->id, "%s",
             record->session.id != NULL ? record->session.id : "");
    clock_stop(record->time_ms / 1000);
    services->replay = &replay;
    for (size_t i = 0; i < record->event_count; i++) {
        if (!play_event(&player, &record->events[i])) {
            break;
        }
    }
    services->replay = NULL;
    transaction_describe(player.transaction, outcome);
    look_for_missing(settings, record, directory, outcome, arena, missing);
    return player.transaction;
}
