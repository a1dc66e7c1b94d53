/* SPDX-License-Identifier: MIT */
/* What a transaction keeps for its record, and the record made of it. */
#include "transaction_state.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char **copy_arguments(struct arena *arena, const char *argument,
                                   const char *const *more)
{
    size_t count = 0;
    while (more != NULL && more[count] != NULL) {
        count++;
    }
    const char **arguments = arena_array(arena, count + 2, sizeof *arguments);
    arguments[0] = arena_copy(arena, argument);
    for (size_t i = 0; i < count; i++) {
        arguments[i + 1] = more[i];
    }
    return arguments;
}

/* A reply may name its decision; the decision has the text without that. */
static struct verdict copy_verdict(struct arena *arena, const struct verdict *verdict,
                                   const struct decision_list *decisions)
{
    struct verdict copy = *verdict;
    for (size_t i = decisions->count; verdict->id != NULL && i > 0; i--) {
        const struct verdict *decided = &decisions->entries[i - 1].verdict;
        if (decided->id != NULL && strcmp(decided->id, verdict->id) == 0) {
            copy.text = decided->text;
            break;
        }
    }
    copy.text = arena_copy(arena, copy.text);
    copy.rule = arena_copy(arena, copy.rule);
    return copy;
}

static void add_event(struct transcript *transcript, const struct decision_list *decisions,
                      const struct record_event *added)
{
    transcript->events = arena_grow(decisions->arena, transcript->events, transcript->count,
                                    &transcript->size, sizeof *transcript->events);
    struct record_event *event = &transcript->events[transcript->count++];
    *event = *added;
    event->decision_count = decisions->count - transcript->decision_count;
    transcript->decision_count = decisions->count;
    bool is_news = event->queue_id != NULL && event->queue_id[0] != '\0' &&
                   (transcript->queue_id == NULL ||
                    strcmp(transcript->queue_id, event->queue_id) != 0);
    event->queue_id = is_news ? event->queue_id : NULL;
    transcript->queue_id = is_news ? event->queue_id : transcript->queue_id;
}

/* Costs the mail nothing but the time to write the line: the file is another thread's. */
static void write_journal(struct transaction *transaction)
{
    if (transaction->settings->journal != NULL) {
        struct record record;
        transaction_describe(transaction, &record);
        journal_write(transaction->settings->journal, &record);
    }
}

void transaction_keep(struct transaction *transaction)
{
    if (transaction->message->open) {
        write_journal(transaction);
        transaction->has_begun = true;
    }
}

struct verdict transaction_note(struct transaction *transaction, enum stage stage,
                                const char *argument, const char *const *more,
                                struct verdict verdict)
{
    bool is_message = transaction->message->open;
    const struct decision_list *decisions =
        is_message ? &transaction->decisions : &transaction->session_decisions;
    if (!decisions->complete) {
        return verdict;
    }
    struct arena *arena = decisions->arena;
    const struct record_event event = {
        .stage = stage_name(stage),
        .arguments = argument != NULL ? copy_arguments(arena, argument, more) : NULL,
        .queue_id = transaction->message->queue_id, /* kept until the message ends */
        .verdict = copy_verdict(arena, &verdict, decisions),
    };
    add_event(is_message ? &transaction->transcript : &transaction->session_transcript,
              decisions, &event);
    if (!is_message && verdict_is_refusal(&verdict)) {
        write_journal(transaction);
    }
    return verdict;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Later changes put other entries into the table, and leave the values alone. */
static struct value copy_notes(struct arena *arena, const struct value *notes)
{
    struct value copy = *notes;
    size_t count = notes->table.count;
    copy.table.entries = arena_array(arena, count, sizeof *copy.table.entries);
    copy.table.size = count;
    if (count > 0) {
        memcpy(copy.table.entries, notes->table.entries,
               count * sizeof *copy.table.entries);
    }
    return copy;
}

void transaction_note_begin(struct transaction *transaction)
{
    if (transaction->decisions.complete) {
        transaction->transcript.time_ms = now_ms();
        transaction->transcript.notes =
            copy_notes(transaction->message->arena, &transaction->session->notes);
    }
}

void transaction_note_end(struct transaction *transaction, const struct verdict *verdict)
{
    if (transaction->decisions.complete) {
        transaction->transcript.is_concluded = true;
        transaction->transcript.conclusion =
            copy_verdict(transaction->message->arena, verdict, &transaction->decisions);
    }
}

/* The events of the transcript behind those that the record has. */
static void append_events(struct record *record, const struct transcript *transcript,
                          const struct decision_list *list)
{
    struct decision *decisions = list->entries;
    for (size_t i = 0; i < transcript->count; i++) {
        struct record_event *event = &record->events[record->event_count++];
        *event = transcript->events[i];
        event->decisions = decisions;
        decisions += event->decision_count;
    }
    for (size_t i = 0; i < list->count; i++) {
        record->dropped_count += list->entries[i].observations.dropped_count;
    }
    record->omitted |= transcript->is_cut ? RECORD_EVENTS : 0;
}

/* Is text one of the names of headers that the record has? */
static bool has_header(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (text_equal_folded(record->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void add_header(struct arena *arena, struct record *record,
                       const struct header_list *headers, const char *name, size_t *size)
{
    if (has_header(record, name)) {
        return;
    }
    record->headers = arena_grow(arena, record->headers, record->header_count, size,
                                 sizeof *record->headers);
    struct record_header *header = &record->headers[record->header_count++];
    *header = (struct record_header){.name = text_fold_copy(arena, name)};
    size_t value_size = 0;
    const struct header *found;
    while ((found = header_find(headers, name, header->count + 1)) != NULL) {
        header->values = arena_grow(arena, header->values, header->count, &value_size,
                                    sizeof *header->values);
        header->values[header->count++] = found->value;
    }
}

/* A note is remembered by a name, which stands for a number as well. */
static bool note_matches(const struct value *key, const char *name)
{
    char number[24];
    if (key->type == VALUE_TEXT) {
        return strcmp(key->text.bytes, name) == 0;
    }
    snprintf(number, sizeof number, "%" PRId64, key->integer);
    return strcmp(number, name) == 0;
}

/* The note as it was at MAIL; NIL: there was none. */
static void add_note(struct arena *arena, struct record *record, const struct value *notes,
                     const char *name, size_t *size)
{
    struct value_entry note = {
        .key = value_text(arena, name, strlen(name)),
        .value = {.type = VALUE_NIL},
    };
    for (size_t i = 0; i < record->note_count; i++) {
        if (note_matches(&record->notes[i].key, name)) {
            return;
        }
    }
    for (size_t i = 0; i < notes->table.count; i++) {
        if (note_matches(&notes->table.entries[i].key, name)) {
            note = notes->table.entries[i];
            break;
        }
    }
    record->notes =
        arena_grow(arena, record->notes, record->note_count, size, sizeof *record->notes);
    record->notes[record->note_count++] = note;
}

static const char *header_name(const struct observation *observation)
{
    bool reads = strcmp(observation->name, "message.header") == 0 ||
                 strcmp(observation->name, "message.header_addresses") == 0;
    const struct value_list *arguments = &observation->arguments;
    return reads && arguments->count > 0 && arguments->values[0].type == VALUE_TEXT
               ? arguments->values[0].text.bytes
               : NULL;
}

/* What rules looked at in the message and in the session's notes. */
static void add_inputs(const struct transaction *transaction, struct record *record)
{
    static const char prefix[] = "session.notes.";
    struct arena *arena = transaction->message->arena;
    const struct header_list *headers = &transaction->message->headers;
    const struct rewrite *rewrite = &transaction->settings->rewrite;
    size_t header_size = 0;
    size_t note_size = 0;
    for (size_t i = 0; i < transaction->decisions.count; i++) {
        const struct observation *at = transaction->decisions.entries[i].observations.first;
        for (; at != NULL; at = at->next) {
            const char *header = header_name(at);
            if (header != NULL) {
                add_header(arena, record, headers, header, &header_size);
            }
            if (strncmp(at->name, prefix, sizeof prefix - 1) == 0) {
                add_note(arena, record, &transaction->transcript.notes,
                         at->name + sizeof prefix - 1, &note_size);
            }
        }
    }
    bool rewrites = rewrite->expand || rewrite->detail != DETAIL_KEEP;
    if (rewrites && rewrite->header != NULL) {
        add_header(arena, record, headers, rewrite->header, &header_size); /* the plan's */
    }
}

static struct record_session describe_session(const struct session *session)
{
    return (struct record_session){
        .id = session->id,
        .ip = session->ip,
        .name = session->name,
        .listener = session->listener,
        .login = session->login,
        .login_method = session->login_method,
        .tls_version = session->tls_version,
        .tls_cipher = session->tls_cipher,
        .port = session->port,
        .trusted = session->trusted,
    };
}

/* Of a message. */
static void describe_message(struct transaction *transaction, struct record *record)
{
    const struct message *message = transaction->message;
    const struct transcript *transcript = &transaction->transcript;
    append_events(record, transcript, &transaction->decisions);
    record->time_ms = transcript->time_ms;
    record->generation = generation_number(transaction->generation);
    record->directory = snapshot_digest(transaction->snapshot);
    record->queue_id = message->queue_id[0] != '\0' ? message->queue_id : NULL;
    record->header_too_long = message->headers.truncated;
    record->edits = transcript->edits;
    record->is_concluded = transcript->is_concluded;
    record->verdict = transcript->conclusion;
    record->is_accepted = transaction->accepted;
    const char *last =
        record->event_count > 0 ? record->events[record->event_count - 1].stage : "";
    bool is_whole = generation_has_stage(transaction->generation, STAGE_FINISH) &&
                    strcmp(last, stage_name(STAGE_FINISH)) == 0;
    record->size_bytes = is_whole ? message_size(message) : -1;
    add_inputs(transaction, record);
}

void transaction_describe(struct transaction *transaction, struct record *record)
{
    bool is_message = transaction->message->open;
    struct arena *arena =
        is_message ? transaction->message->arena : transaction->session_record;
    size_t count = transaction->session_transcript.count + transaction->transcript.count;
    *record = (struct record){
        .program = FOREGATE_VERSION,
        .session = describe_session(transaction->session),
        .is_first = !transaction->has_begun,
        .events = arena_array(arena, count, sizeof *record->events),
        .size_bytes = -1,
    };
    append_events(record, &transaction->session_transcript,
                  &transaction->session_decisions);
    if (is_message) {
        describe_message(transaction, record);
    } else {
        record->time_ms = now_ms();
    }
}

void transaction_header_cut(struct transaction *transaction)
{
    transaction->message->headers.truncated = true;
}
