/* SPDX-License-Identifier: MIT */
#include "replay/answers.h"

#include "mail/observation_text.h"

#include <string.h>

enum { SHOWN_BYTES = 200, NOWHERE = -1 };

struct answer_place {
    const struct observation *observation;
    const char *stage;
    int recipient; /* number of the RCPT, or NOWHERE */
    bool is_used;
};

struct answers {
    struct arena *arena;
    const struct record *record;
    uint64_t directory;
    struct missing *missing;
    struct answer_place *places;
    size_t count, size;
};

void missing_add(struct missing *missing, struct arena *arena, const char *what)
{
    size_t named = missing->count < MISSING_NAMED ? missing->count : MISSING_NAMED;
    for (size_t i = 0; i < named; i++) {
        if (strcmp(missing->what[i], what) == 0) {
            return;
        }
    }
    if (named < MISSING_NAMED) {
        missing->what[named] = arena_copy(arena, what);
    }
    missing->count++;
}

static void add_event(struct answers *answers, const struct record_event *event,
                      int recipient)
{
    for (size_t i = 0; i < event->decision_count; i++) {
        const struct observation *at = event->decisions[i].observations.first;
        for (; at != NULL; at = at->next) {
            answers->places = arena_grow(answers->arena, answers->places, answers->count,
                                         &answers->size, sizeof *answers->places);
            answers->places[answers->count++] = (struct answer_place){
                .observation = at,
                .stage = event->stage,
                .recipient = recipient,
            };
        }
    }
}

struct answers *answers_new(struct arena *arena, const struct record *record,
                            uint64_t directory, struct missing *missing)
{
    struct answers *answers = arena_alloc(arena, sizeof *answers);
    *answers = (struct answers){
        .arena = arena,
        .record = record,
        .directory = directory,
        .missing = missing,
    };
    int recipients = 0;
    for (size_t i = 0; i < record->event_count; i++) {
        bool is_rcpt = strcmp(record->events[i].stage, "rcpt") == 0;
        add_event(answers, &record->events[i], is_rcpt ? recipients++ : NOWHERE);
    }
    return answers;
}

static int recipient_number(const struct stage_call *stage)
{
    for (size_t i = 0; stage->recipient != NULL && i < stage->message->recipient_count;
         i++) {
        if (stage->message->recipients[i] == stage->recipient) {
            return (int)i;
        }
    }
    return NOWHERE;
}

/* How well an answer fits, when function and arguments are the same; 0: not at all. */
static int rank_of(const struct answer_place *place, const struct stage_call *stage,
                   int recipient)
{
    bool is_here = strcmp(place->stage, stage_name(stage->stage)) == 0 &&
                   place->recipient == recipient;
    return (is_here ? 3 : 1) + (place->is_used ? 0 : 1);
}

/* The first of those that were not given yet, else the last one that was. */
static struct answer_place *find_place(const struct answers *answers,
                                       const struct stage_call *stage, const char *name,
                                       const struct value_list *arguments)
{
    int recipient = recipient_number(stage);
    int best_rank = 0;
    struct answer_place *best = NULL;
    for (size_t i = 0; i < answers->count; i++) {
        struct answer_place *place = &answers->places[i];
        int rank = rank_of(place, stage, recipient);
        bool is_better = rank > best_rank || (rank == best_rank && place->is_used);
        if (is_better && strcmp(place->observation->name, name) == 0 &&
            value_list_equal(&place->observation->arguments, arguments)) {
            best = place;
            best_rank = rank;
        }
    }
    return best;
}

static void miss(struct answers *answers, const char *name,
                 const struct value_list *arguments, const char *why)
{
    if (answers->missing->count >= MISSING_NAMED) {
        answers->missing->count++; /* nobody would see its name */
        return;
    }
    const struct observation asked = {.kind = OBSERVATION_ANSWER,
                                      .name = name,
                                      .arguments = *arguments,
                                      .returned = true};
    missing_add(answers->missing, answers->arena,
                arena_format(answers->arena, "%s%s",
                             observation_text(answers->arena, &asked, SHOWN_BYTES), why));
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Only the volume can be asked here: other sources may say otherwise. */
static bool is_directory(const char *name, const struct stage_call *stage)
{
    return begins(name, "directory.") &&
           !snapshot_settings(stage->directory->snapshot)->others;
}

static enum replay_result answer_now(struct answers *answers,
                                     const struct stage_call *stage, const char *name,
                                     const struct value_list *arguments,
                                     struct value_list *results)
{
    /* The same files give the same answers, whenever they are asked. */
    bool is_same =
        answers->directory != 0 && answers->directory == answers->record->directory;
    if (is_directory(name, stage)) {
        if (!is_same) {
            miss(answers, name, arguments, " (the directory of today was asked)");
        }
        return REPLAY_CALL;
    }
    if (begins(name, "clock.")) { /* which stands at the time of the record */
        return REPLAY_CALL;
    }
    static const char reason[] = "not recorded";
    miss(answers, name, arguments, "");
    results->count = 2;
    results->values = arena_array(answers->arena, 2, sizeof *results->values);
    results->values[0] = (struct value){.type = VALUE_NIL};
    results->values[1] = value_text(answers->arena, reason, sizeof reason - 1);
    return REPLAY_ANSWER;
}

enum replay_result answers_find(void *context, const struct stage_call *stage,
                                const char *name, const struct value_list *arguments,
                                struct value_list *results)
{
    struct answers *answers = context;
    struct answer_place *place = find_place(answers, stage, name, arguments);
    if (place == NULL || place->observation->is_cut) {
        return answer_now(answers, stage, name, arguments, results);
    }
    place->is_used = true;
    if (!place->observation->returned) {
        miss(answers, name, arguments, " (it did not return)");
        return is_directory(name, stage) ? REPLAY_CALL : REPLAY_FAIL;
    }
    *results = place->observation->results;
    return REPLAY_ANSWER;
}
