/* SPDX-License-Identifier: MIT */
#include "record/read_value.h"
#include "record/record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct error *error;
};

static bool refuse(const struct reader *reader, const char *what)
{
    return error_set(reader->error, ERROR_REMOTE, "%s", what);
}

/* The text in a member that may be missing; false when it is there and no text. */
static bool take_text(const struct reader *reader, const json_t *object, const char *key,
                      const char **text)
{
    const json_t *json = json_object_get(object, key);
    *text = json != NULL ? read_text(reader->arena, json) : NULL;
    return json == NULL || *text != NULL ||
           error_set(reader->error, ERROR_REMOTE, "\"%s\" is no text", key);
}

static bool take_texts(const struct reader *reader, const json_t *array,
                       const char ***texts, size_t *count)
{
    *count = json_array_size(array);
    *texts = arena_array(reader->arena, *count + 1, sizeof **texts);
    for (size_t i = 0; i < *count; i++) {
        (*texts)[i] = read_text(reader->arena, json_array_get(array, i));
        if ((*texts)[i] == NULL) {
            return refuse(reader, "a list has something in it that is no text");
        }
    }
    return json_is_array(array) || refuse(reader, "a list of texts is none");
}

static int64_t number_in(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *json = json_object_get(object, key);
    return json_is_integer(json) ? json_integer_value(json) : otherwise;
}

static bool kind_find(const char *name, enum verdict_kind *kind)
{
    for (int i = VERDICT_CONTINUE; name != NULL && i <= VERDICT_SKIP; i++) {
        if (strcmp(verdict_kind_name((enum verdict_kind)i), name) == 0) {
            *kind = (enum verdict_kind)i;
            return true;
        }
    }
    return false;
}

static bool take_verdict(const struct reader *reader, const json_t *object,
                         struct verdict *verdict)
{
    const char *name;
    struct error ignored;
    int64_t code = number_in(object, "code", 0);
    *verdict = (struct verdict){.kind = VERDICT_CONTINUE};
    if (!take_text(reader, object, "verdict", &name) ||
        !take_text(reader, object, "xcode", &verdict->xcode) ||
        !take_text(reader, object, "text", &verdict->text) ||
        !take_text(reader, object, "rule", &verdict->rule)) {
        return false;
    }
    verdict->code = code >= 0 && code <= 999 ? (int)code : 0;
    return (kind_find(name, &verdict->kind) && verdict_check(verdict, &ignored)) ||
           refuse(reader, "there is a verdict that is none");
}

static bool take_answer(const struct reader *reader, struct decision *decision,
                        json_t *object)
{
    const char *name;
    if (!take_text(reader, object, "function", &name)) {
        return false;
    }
    if (name == NULL) {
        return refuse(reader, "an answer does not say which function gave it");
    }
    struct observation *answer =
        observation_add(&decision->observations, reader->arena, OBSERVATION_ANSWER, name);
    json_t *results = json_object_get(object, "results");
    answer->returned = results != NULL;
    answer->is_cut = json_is_true(json_object_get(object, "cut"));
    return (read_values(reader->arena, json_object_get(object, "arguments"),
                        &answer->arguments) &&
            (results == NULL || read_values(reader->arena, results, &answer->results))) ||
           refuse(reader, "arguments or results of an answer make no sense");
}

static bool take_decision(const struct reader *reader, const struct record_event *event,
                          struct decision *decision, json_t *object)
{
    decision->stage = event->stage;
    decision->shadow = json_is_true(json_object_get(object, "shadow"));
    if (!take_verdict(reader, object, &decision->verdict) ||
        !take_text(reader, object, "error", &decision->error)) {
        return false;
    }
    decision->rule = decision->verdict.rule;
    json_t *answers = json_object_get(object, "answers");
    for (size_t i = 0; i < json_array_size(answers); i++) {
        if (!take_answer(reader, decision, json_array_get(answers, i))) {
            return false;
        }
    }
    return true;
}

static bool stage_is_known(const char *stage)
{
    static const char *const stages[] = {"connect", "helo",    "mail",  "rcpt",
                                         "data",    "headers", "finish"};
    for (size_t i = 0; stage != NULL && i < sizeof stages / sizeof stages[0]; i++) {
        if (strcmp(stages[i], stage) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_event(const struct reader *reader, struct record_event *event,
                       json_t *object)
{
    json_t *arguments = json_object_get(object, "arguments");
    json_t *rules = json_object_get(object, "rules");
    size_t count = 0;
    if (!take_text(reader, object, "stage", &event->stage) ||
        !take_text(reader, object, "queue_id", &event->queue_id) ||
        !take_verdict(reader, object, &event->verdict) ||
        (arguments != NULL && !take_texts(reader, arguments, &event->arguments, &count))) {
        return false;
    }
    if (!stage_is_known(event->stage)) {
        return refuse(reader, "there is an event of no stage");
    }
    bool is_command = strcmp(event->stage, "helo") == 0 ||
                      strcmp(event->stage, "mail") == 0 ||
                      strcmp(event->stage, "rcpt") == 0;
    if (is_command && count == 0) {
        return refuse(reader, "a command lacks its argument");
    }
    event->decision_count = json_array_size(rules);
    event->decisions =
        arena_array(reader->arena, event->decision_count, sizeof *event->decisions);
    for (size_t i = 0; i < event->decision_count; i++) {
        if (!take_decision(reader, event, &event->decisions[i], json_array_get(rules, i))) {
            return false;
        }
    }
    return true;
}

static bool take_events(const struct reader *reader, const json_t *root,
                        struct record *record)
{
    const json_t *array = json_object_get(root, "events");
    if (!json_is_array(array)) {
        return refuse(reader, "there are no events");
    }
    record->event_count = json_array_size(array);
    record->events =
        arena_array(reader->arena, record->event_count, sizeof *record->events);
    for (size_t i = 0; i < record->event_count; i++) {
        if (!take_event(reader, &record->events[i], json_array_get(array, i))) {
            return false;
        }
    }
    return true;
}

static bool take_notes(const struct reader *reader, const json_t *session,
                       struct record *record)
{
    const json_t *array = json_object_get(session, "notes");
    record->note_count = json_array_size(array);
    record->notes = arena_array(reader->arena, record->note_count, sizeof *record->notes);
    for (size_t i = 0; i < record->note_count; i++) {
        struct value_list pair;
        if (!read_values(reader->arena, json_array_get(array, i), &pair) ||
            pair.count != 2 ||
            (pair.values[0].type != VALUE_TEXT && pair.values[0].type != VALUE_INTEGER)) {
            return refuse(reader, "there is a note that is none");
        }
        record->notes[i] =
            (struct value_entry){.key = pair.values[0], .value = pair.values[1]};
    }
    return true;
}

static bool take_session(const struct reader *reader, const json_t *root,
                         struct record *record)
{
    const json_t *object = json_object_get(root, "session");
    struct record_session *session = &record->session;

    const struct {
        const char *key;
        const char **place;
    } texts[] = {
        {"id", &session->id},
        {"ip", &session->ip},
        {"name", &session->name},
        {"listener", &session->listener},
        {"login", &session->login},
        {"login_method", &session->login_method},
        {"tls_version", &session->tls_version},
        {"tls_cipher", &session->tls_cipher},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!take_text(reader, object, texts[i].key, texts[i].place)) {
            return false;
        }
    }
    int64_t port = number_in(object, "port", -1);
    session->port = port >= 0 && port <= UINT16_MAX ? (int)port : -1;
    session->trusted = json_is_true(json_object_get(object, "trusted"));
    record->is_first = json_is_true(json_object_get(object, "first"));
    return (json_is_object(object) || refuse(reader, "there is no session")) &&
           take_notes(reader, object, record);
}

static bool take_headers(const struct reader *reader, json_t *root, struct record *record)
{
    json_t *object = json_object_get(root, "headers");
    const char *key;
    json_t *item;
    record->headers =
        arena_array(reader->arena, json_object_size(object), sizeof *record->headers);
    json_object_foreach(object, key, item)
    {
        struct record_header *header = &record->headers[record->header_count++];
        struct value name;
        if (!read_bytes(reader->arena, key, &name) ||
            !take_texts(reader, item, &header->values, &header->count)) {
            return refuse(reader, "there is a header that is none");
        }
        header->name = name.text.bytes;
    }
    return true;
}

static bool edit_find(const char *name, enum edit_kind *kind)
{
    for (int i = EDIT_DELETE_RECIPIENT; name != NULL && i <= EDIT_SET_SENDER; i++) {
        if (strcmp(edit_kind_name((enum edit_kind)i), name) == 0) {
            *kind = (enum edit_kind)i;
            return true;
        }
    }
    return false;
}

static bool take_edit(const struct reader *reader, struct edit *edit, const json_t *object)
{
    const char *name;
    int64_t index = number_in(object, "index", 0);
    edit->index = index >= 0 && index <= INT_MAX ? (int)index : 0;
    return take_text(reader, object, "edit", &name) &&
           take_text(reader, object, "address", &edit->address) &&
           take_text(reader, object, "orcpt", &edit->orcpt) &&
           take_text(reader, object, "notify", &edit->notify) &&
           take_text(reader, object, "name", &edit->name) &&
           take_text(reader, object, "value", &edit->value) &&
           (edit_find(name, &edit->kind) ||
            refuse(reader, "there is an edit that is none"));
}

static bool take_plan(const struct reader *reader, const json_t *root,
                      struct record *record)
{
    const json_t *array = json_object_get(root, "plan");
    struct edit_list *edits = &record->edits;
    edits->count = json_array_size(array);
    edits->edits = arena_array(reader->arena, edits->count, sizeof *edits->edits);
    for (size_t i = 0; i < edits->count; i++) {
        if (!take_edit(reader, &edits->edits[i], json_array_get(array, i))) {
            return false;
        }
    }
    return true;
}

static unsigned omitted_in(const json_t *root)
{
    const json_t *array = json_object_get(root, "omitted");
    unsigned omitted = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        for (unsigned part = RECORD_ANSWERS; part <= RECORD_SESSION; part *= 2) {
            bool is_part =
                name != NULL && strcmp(name, record_part_name((enum record_part)part)) == 0;
            omitted |= is_part ? part : 0;
        }
    }
    return omitted;
}

/* Up to the end of the year 9999. */
static int64_t time_in(const json_t *root)
{
    int64_t time_ms = number_in(root, "time_ms", 0);
    return time_ms >= 0 && time_ms < INT64_C(253402300800000) ? time_ms : 0;
}

static bool take_record(const struct reader *reader, json_t *root, struct record *record)
{
    const char *digest;
    *record = (struct record){
        .time_ms = time_in(root),
        .generation = (uint64_t)number_in(root, "generation", 0),
        .size_bytes = number_in(root, "size", -1),
        .header_too_long = json_is_true(json_object_get(root, "header_too_long")),
        .is_accepted = json_is_true(json_object_get(root, "accepted")),
        .omitted = omitted_in(root),
        .dropped_count = (size_t)number_in(root, "dropped", 0),
    };
    const json_t *message = json_object_get(root, "message");
    record->is_concluded = message != NULL;
    if (!take_text(reader, root, "version", &record->program) ||
        !take_text(reader, root, "directory", &digest) ||
        !take_text(reader, root, "queue_id", &record->queue_id) ||
        (message != NULL && !take_verdict(reader, message, &record->verdict))) {
        return false;
    }
    record->directory = digest != NULL ? strtoull(digest, NULL, 16) : 0;
    return take_session(reader, root, record) && take_events(reader, root, record) &&
           take_headers(reader, root, record) && take_plan(reader, root, record);
}

static enum record_reading take_root(const struct reader *reader, json_t *root,
                                     struct record *record)
{
    const json_t *format = json_object_get(root, "foregate");
    if (!json_is_integer(format) || json_integer_value(format) < 1) {
        refuse(reader, "no record of foregate");
        return RECORD_BROKEN;
    }
    if (json_integer_value(format) > RECORD_FORMAT) {
        error_set(reader->error, ERROR_CONFIG,
                  "format %" JSON_INTEGER_FORMAT
                  ", written by a newer foregate; this one knows format %d",
                  json_integer_value(format), RECORD_FORMAT);
        return RECORD_NEWER;
    }
    return take_record(reader, root, record) ? RECORD_READ : RECORD_BROKEN;
}

enum record_reading record_read(struct arena *arena, const char *line, size_t length,
                                struct record *record, struct error *error)
{
    const struct reader reader = {.arena = arena, .error = error};
    json_error_t problem;
    *error = (struct error){0};
    json_t *root = length <= RECORD_LINE_BYTES
                       ? json_loadb(line, length, JSON_REJECT_DUPLICATES, &problem)
                       : NULL;
    if (root == NULL) {
        if (length > RECORD_LINE_BYTES) {
            error_set(error, ERROR_REMOTE, "longer than a record can be");
        } else {
            error_set(error, ERROR_REMOTE, "no JSON: %s, column %d", problem.text,
                      problem.column);
        }
        return RECORD_BROKEN;
    }
    enum record_reading reading = take_root(&reader, root, record);
    json_decref(root);
    return reading;
}
