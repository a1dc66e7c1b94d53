/* SPDX-License-Identifier: MIT */
#include "command/compare_output.h"

#include "base/text.h"
#include "command/json.h"
#include "command/options.h"
#include "command/plan_json.h"
#include "mail/plan_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *shown(struct arena *arena, const char *text)
{
    return text != NULL ? text_printable(arena, text, strlen(text)) : "-";
}

static const char *time_text(struct arena *arena, int64_t time_ms)
{
    char text[40];
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return arena_copy(arena, text);
}

/* The sender as the client gave it, or NULL: it said none. */
static const char *sender_of(const struct record *record)
{
    for (size_t i = 0; i < record->event_count; i++) {
        if (strcmp(record->events[i].stage, "mail") == 0) {
            return record->events[i].arguments[0];
        }
    }
    return NULL;
}

static const char *verdict_text(struct arena *arena, const struct verdict *verdict)
{
    if (verdict == NULL) {
        return "none";
    }
    const char *text = verdict_kind_name(verdict->kind);
    if (verdict_is_refusal(verdict)) {
        text = arena_format(arena, "%s %d %s %s", text, verdict->code, verdict->xcode,
                            shown(arena, verdict->text));
    } else if (verdict->text != NULL) {
        text = arena_format(arena, "%s %s", text, shown(arena, verdict->text));
    }
    return verdict->rule != NULL
               ? arena_format(arena, "%s (rule %s)", text, shown(arena, verdict->rule))
               : text;
}

static void print_difference(struct arena *arena, const struct compared *compared,
                             const struct difference *difference)
{
    if (difference->kind == DIFFERENCE_PLAN) {
        const char *old = edits_text(arena, &compared->old->edits);
        const char *new = edits_text(arena, &compared->new->edits);
        printf("  plan     %s -> %s\n", old != NULL ? shown(arena, old) : "no edits",
               new != NULL ? shown(arena, new) : "no edits");
        return;
    }
    const struct record_event *event = difference->event;
    const char *argument = event->arguments != NULL ? event->arguments[0] : NULL;
    printf("  %-8s %s%s%s%s -> %s\n", event->stage,
           argument != NULL ? shown(arena, argument) : "", argument != NULL ? "  " : "",
           difference->kind == DIFFERENCE_WOULD ? "would " : "",
           verdict_text(arena, difference->old), verdict_text(arena, difference->new));
}

void compare_print_text(struct arena *arena, const struct compared *compared)
{
    const struct record *record = compared->record;
    const struct record_session *session = &record->session;
    printf("%s session %s queue id %s client %s[%s] login %s from %s\n",
           time_text(arena, record->time_ms), shown(arena, session->id),
           shown(arena, record->queue_id), shown(arena, session->name),
           shown(arena, session->ip), shown(arena, session->login),
           shown(arena, sender_of(record)));
    for (size_t i = 0; i < compared->difference_count; i++) {
        print_difference(arena, compared, &compared->differences[i]);
    }
    const struct missing *missing = compared->missing;
    for (size_t i = 0; i < missing->count && i < MISSING_NAMED; i++) {
        printf("  uncertain: not recorded: %s\n", shown(arena, missing->what[i]));
    }
    if (missing->count > MISSING_NAMED) {
        printf("  uncertain: not recorded: %zu more\n", missing->count - MISSING_NAMED);
    }
}

static void set(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_text(text));
}

static json_t *verdict_json(const struct verdict *verdict)
{
    if (verdict == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    set(object, "verdict", verdict_kind_name(verdict->kind));
    if (verdict_is_refusal(verdict)) {
        json_object_set_new(object, "code", json_integer(verdict->code));
        set(object, "xcode", verdict->xcode);
    }
    set(object, "text", verdict->text);
    set(object, "rule", verdict->rule);
    return object;
}

static json_t *difference_json(const struct compared *compared,
                               const struct difference *difference)
{
    json_t *object = json_object();
    if (difference->kind == DIFFERENCE_PLAN) {
        set(object, "what", "plan");
        json_object_set_new(object, "old", plan_json(&compared->old->edits));
        json_object_set_new(object, "new", plan_json(&compared->new->edits));
        return object;
    }
    const char **arguments = difference->event->arguments;
    set(object, "what", difference->kind == DIFFERENCE_WOULD ? "would" : "verdict");
    set(object, "stage", difference->event->stage);
    set(object, "argument", arguments != NULL ? arguments[0] : NULL);
    json_object_set_new(object, "old", verdict_json(difference->old));
    json_object_set_new(object, "new", verdict_json(difference->new));
    return object;
}

void compare_print_json(const struct compared *compared)
{
    const struct record *record = compared->record;
    struct arena *arena = arena_new();
    json_t *object = json_object();
    set(object, "time", time_text(arena, record->time_ms));
    set(object, "session", record->session.id);
    set(object, "queue_id", record->queue_id);
    set(object, "name", record->session.name);
    set(object, "ip", record->session.ip);
    set(object, "login", record->session.login);
    set(object, "from", sender_of(record));
    json_t *changes = json_array();
    for (size_t i = 0; i < compared->difference_count; i++) {
        json_array_append_new(changes,
                              difference_json(compared, &compared->differences[i]));
    }
    json_object_set_new(object, "changes", changes);
    const struct missing *missing = compared->missing;
    json_t *uncertain = json_array();
    for (size_t i = 0; i < missing->count && i < MISSING_NAMED; i++) {
        json_array_append_new(uncertain, json_text(missing->what[i]));
    }
    json_object_set_new(object, "uncertain", uncertain);
    json_print(object);
    arena_free(&arena);
}

static json_t *summary_json(const struct compare_totals *totals)
{
    json_t *object = json_object();
    json_object_set_new(object, "transactions",
                        json_integer((json_int_t)totals->transactions));
    json_object_set_new(object, "changed", json_integer((json_int_t)totals->changed));
    json_object_set_new(object, "uncertain", json_integer((json_int_t)totals->uncertain));
    json_object_set_new(object, "unreadable", json_integer((json_int_t)totals->unreadable));
    json_t *first = json_array();
    for (size_t i = 0; i < totals->unreadable && i < UNREADABLE_SHOWN; i++) {
        json_t *line = json_object();
        set(line, "place", totals->unreadable_first[i].place);
        set(line, "reason", totals->unreadable_first[i].reason);
        json_array_append_new(first, line);
    }
    json_object_set_new(object, "unreadable_first", first);
    return object;
}

bool compare_print_totals(struct arena *arena, const struct compare_totals *totals,
                          bool json)
{
    if (json) {
        json_t *last = json_object();
        json_object_set_new(last, "summary", summary_json(totals));
        return json_print(last);
    }
    for (size_t i = 0; i < totals->unreadable && i < UNREADABLE_SHOWN; i++) {
        printf("%s: not read: %s\n", shown(arena, totals->unreadable_first[i].place),
               shown(arena, totals->unreadable_first[i].reason));
    }
    printf("%zu transactions, %zu changed, %zu uncertain, %zu lines not read\n",
           totals->transactions, totals->changed, totals->uncertain, totals->unreadable);
    return options_flush();
}
