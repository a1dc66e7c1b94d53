/* SPDX-License-Identifier: MIT */
/* What `explain` found, for programs. */
#include "command/explain_output.h"
#include "command/json.h"
#include "command/plan_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *value_json(const struct value *value);

static json_t *table_json(const struct value *table)
{
    json_t *object = json_object();
    for (size_t i = 0; i < table->table.count; i++) {
        const struct value_entry *entry = &table->table.entries[i];
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, entry->key.integer);
        const char *key = entry->key.type == VALUE_TEXT ? entry->key.text.bytes : number;
        json_object_set_new(object, key, value_json(&entry->value));
    }
    return object;
}

/* An empty table is an empty list. */
static json_t *value_json(const struct value *value)
{
    switch (value->type) {
    case VALUE_NIL:
        return json_null();
    case VALUE_BOOL:
        return json_boolean(value->boolean);
    case VALUE_INTEGER:
        return json_integer(value->integer);
    case VALUE_NUMBER:
        return json_real(value->number);
    case VALUE_TEXT:
        return json_bytes(value->text.bytes, value->text.length);
    case VALUE_TABLE:
        break;
    }
    if (!value_is_list(value)) {
        return table_json(value);
    }
    json_t *array = json_array();
    for (size_t i = 0; i < value->table.count; i++) {
        json_array_append_new(array, value_json(&value->table.entries[i].value));
    }
    return array;
}

static void set(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(object, key, json_text(text));
    }
}

static json_t *list_json(const struct value_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_array_append_new(array, value_json(&list->values[i]));
    }
    return array;
}

static json_t *observation_json(const struct observation *observation)
{
    json_t *object = json_object();
    set(object, "name", observation->name);
    bool is_call = observation->kind == OBSERVATION_ANSWER ||
                   observation->kind == OBSERVATION_EDIT ||
                   observation->arguments.count > 0;
    if (is_call) {
        json_object_set_new(object, "arguments", list_json(&observation->arguments));
    }
    if (!observation->returned) {
        json_object_set_new(object, "returned", json_false());
    } else if (is_call) {
        json_object_set_new(object, "results", list_json(&observation->results));
    } else {
        json_object_set_new(object, "value", value_json(&observation->results.values[0]));
    }
    if (observation->is_cut) {
        json_object_set_new(object, "cut", json_true());
    }
    set(object, "source", observation->source);
    set(object, "remark", observation->remark);
    if (observation->kind == OBSERVATION_ANSWER) {
        json_object_set_new(object, "ms", json_real(observation->elapsed_ms));
    }
    return object;
}

/* One array a kind. */
static void observations_json(json_t *event, const struct observation_list *list)
{
    static const struct {
        enum observation_kind kind;
        const char *key;
    } arrays[] = {
        {OBSERVATION_INPUT, "inputs"},
        {OBSERVATION_ANSWER, "answers"},
        {OBSERVATION_NOTE, "notes_set"},
        {OBSERVATION_EDIT, "edits"},
    };

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        json_t *array = json_array();
        for (const struct observation *at = list->first; at != NULL; at = at->next) {
            if (at->kind == arrays[i].kind) {
                json_array_append_new(array, observation_json(at));
            }
        }
        json_object_set_new(event, arrays[i].key, array);
    }
    if (list->dropped_count > 0) {
        json_object_set_new(event, "dropped",
                            json_integer((json_int_t)list->dropped_count));
    }
}

static json_t *decision_json(const struct decision *decision)
{
    const struct verdict *verdict = &decision->verdict;
    json_t *object = json_object();
    set(object, "stage", decision->stage);
    set(object, "recipient", decision->recipient);
    json_object_set_new(object, "rule", json_text(decision->rule));
    set(object, "verdict", verdict_kind_name(verdict->kind));
    if (verdict_is_refusal(verdict)) {
        json_object_set_new(object, "code", json_integer(verdict->code));
        set(object, "xcode", verdict->xcode);
    }
    set(object, "text", verdict->text);
    if (verdict->detail.type == VALUE_TABLE) {
        json_object_set_new(object, "detail", table_json(&verdict->detail));
    }
    if (decision->shadow) {
        json_object_set_new(object, "shadow", json_true());
    }
    set(object, "error", decision->error);
    set(object, "id", verdict->id);
    json_object_set_new(object, "generation",
                        json_integer((json_int_t)decision->generation));
    observations_json(object, &decision->observations);
    json_object_set_new(object, "ms", json_real(decision->elapsed_ms));
    return object;
}

static void decisions_json(json_t *array, const struct decision_list *decisions)
{
    for (size_t i = 0; i < decisions->count; i++) {
        json_array_append_new(array, decision_json(&decisions->entries[i]));
    }
}

bool explanation_print_json(const struct explanation *explanation)
{
    json_t *events = json_array();
    decisions_json(events, &explanation->session_decisions);
    decisions_json(events, &explanation->decisions);

    json_t *recipients = json_object();
    for (size_t i = 0; i < explanation->recipient_count; i++) {
        set(recipients, explanation->recipient_names[i],
            explanation_recipient(explanation, i));
    }
    json_t *verdict = json_object();
    set(verdict, "connect", verdict_kind_name(explanation->connect.kind));
    set(verdict, "helo", verdict_kind_name(explanation->helo.kind));
    set(verdict, "mail", explanation_mail(explanation));
    json_object_set_new(verdict, "rcpt", recipients);
    set(verdict, "message", explanation_message(explanation));

    json_t *document = json_object();
    json_object_set_new(document, "generation",
                        json_integer((json_int_t)explanation->generation));
    json_object_set_new(document, "snapshot",
                        json_integer((json_int_t)explanation->snapshot));
    json_object_set_new(document, "events", events);
    json_object_set_new(document, "verdict", verdict);
    json_object_set_new(document, "plan", plan_json(&explanation->edits));
    return json_print(document);
}
