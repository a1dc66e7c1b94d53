/* SPDX-License-Identifier: MIT */
/* A record with something in every place. */
#ifndef FOREGATE_TESTS_RECORD_FIXTURE_H
#define FOREGATE_TESTS_RECORD_FIXTURE_H

#include "record/record.h"

#include <string.h>

static inline struct value text_value(const char *text)
{
    return (struct value){.type = VALUE_TEXT,
                          .text = {.bytes = text, .length = strlen(text)}};
}

/* In the arena. An answer with these results stands in the second event. */
static inline struct record *record_make(struct arena *arena, const struct value *results,
                                         size_t count)
{
    struct record *record = arena_alloc(arena, sizeof *record);
    *record = (struct record){
        .time_ms = INT64_C(1795889973672),
        .program = "0.1.0",
        .generation = 7,
        .directory = UINT64_C(0xfbc020a04ff55c8f),
        .session = {.id = "s1",
                    .ip = "192.0.2.1",
                    .name = "client.example",
                    .login = "u\xff\\x41",
                    .port = 25,
                    .trusted = true},
        .queue_id = "4T01",
        .size_bytes = 1234,
        .is_concluded = true,
        .verdict = {.kind = VERDICT_CONTINUE},
        .is_accepted = true,
        .event_count = 2,
        .header_count = 2,
        .note_count = 1,
        .edits = {.count = 1},
    };
    record->events = arena_array(arena, 2, sizeof *record->events);
    record->events[0] = (struct record_event){
        .stage = "mail", .arguments = arena_array(arena, 3, sizeof(char *))};
    record->events[0].arguments[0] = "<\xfe@x.example>";
    record->events[0].arguments[1] = "SIZE=5";
    struct decision *decision = arena_alloc(arena, sizeof *decision);
    *decision = (struct decision){
        .rule = "probe",
        .verdict = {.kind = VERDICT_DEFER,
                    .code = 450,
                    .xcode = "4.7.1",
                    .text = "later",
                    .rule = "probe"},
        .shadow = true,
    };
    record->events[1] = (struct record_event){
        .stage = "rcpt",
        .arguments = arena_array(arena, 2, sizeof(char *)),
        .queue_id = "4T01",
        .verdict = {.kind = VERDICT_REJECT,
                    .code = 550,
                    .xcode = "5.7.1",
                    .text = "100% \"no\"",
                    .rule = "probe"},
        .decisions = decision,
        .decision_count = 1,
    };
    record->events[1].arguments[0] = "<a@b.example>";
    struct observation *answer =
        observation_add(&decision->observations, arena, OBSERVATION_ANSWER, "quota.check");
    answer->arguments.values = arena_array(arena, 1, sizeof(struct value));
    answer->arguments.values[0] = text_value("a@b.example");
    answer->arguments.count = 1;
    answer->results.values = arena_array(arena, count, sizeof(struct value));
    answer->results.count = count;
    for (size_t i = 0; i < count; i++) {
        answer->results.values[i] = results[i];
    }
    answer->returned = true;
    record->headers = arena_array(arena, 2, sizeof *record->headers);
    record->headers[0] = (struct record_header){
        .name = "subject", .values = arena_array(arena, 2, sizeof(char *)), .count = 2};
    record->headers[0].values[0] = "one\n two";
    record->headers[0].values[1] = "\xc3\xa9\x01\xc2\x85";
    record->headers[1] = (struct record_header){.name = "x-absent"};
    record->notes = arena_array(arena, 1, sizeof *record->notes);
    record->notes[0] = (struct value_entry){.key = text_value("n")};
    record->edits.edits = arena_array(arena, 1, sizeof *record->edits.edits);
    record->edits.edits[0] =
        (struct edit){.kind = EDIT_SET_HEADER, .name = "X", .value = "v", .index = 3};
    return record;
}

#endif
