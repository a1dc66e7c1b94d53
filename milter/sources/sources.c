/* SPDX-License-Identifier: MIT */
#include "sources/sources.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/hash.h"
#include "io/breaker.h"
#include "sources/ask.h"
#include "sources/cache.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A new account or alias is there for all mail at the latest so long after somebody asked
 * for it in vain. */
enum { NOT_FOUND_MS = 1000 };

/* Who had so long has not been hurried, also where the source might take longer than the
 * stage that asks: else it would be waited for again and again. */
enum { UNHURRIED_MS = 1000 };

/* A failure that took no longer is nothing to wait for. */
enum { QUICK_MS = 50 };

struct source {
    struct source_settings settings;
    struct cache *cache;
    pthread_mutex_t lock; /* protects the rest; a leaf */
    struct breaker breaker;
    uint64_t failed_key; /* of the last failure: one broken entry is no source away */
    int64_t slow_ms;     /* when it last kept a question waiting in vain */
};

struct sources {
    struct source *list;
    size_t count;
    bool has_volume;
};

static const char *const names[SOURCE_KINDS] = {"dms", "lua", "ldap", "dovecot"};

const char *source_kind_name(enum source_kind kind)
{
    return names[kind];
}

bool source_kind_find(const char *name, size_t length, enum source_kind *kind)
{
    size_t i = 0;
    while (i < SOURCE_KINDS &&
           (strlen(names[i]) != length || strncmp(names[i], name, length) != 0)) {
        i++;
    }
    *kind = (enum source_kind)i;
    return i < SOURCE_KINDS;
}

struct sources *sources_new(const struct source_settings *list, size_t count)
{
    struct sources *sources = malloc(sizeof *sources);
    struct source *made = calloc(count + 1, sizeof *made);
    if (sources == NULL || made == NULL) {
        abort();
    }
    *sources = (struct sources){.list = made, .count = count};
    for (size_t i = 0; i < count; i++) {
        made[i].settings = list[i];
        sources->has_volume = sources->has_volume || list[i].kind == SOURCE_DMS;
        made[i].cache = cache_new();
        made[i].slow_ms = -2 * BREAKER_LONGEST_MS; /* never */
        pthread_mutex_init(&made[i].lock, NULL);
        breaker_init(&made[i].breaker, "source", source_kind_name(list[i].kind), 0);
    }
    return sources;
}

void sources_free(struct sources **sources)
{
    struct sources *freed = *sources;
    *sources = NULL;
    if (freed == NULL) {
        return;
    }
    for (size_t i = 0; i < freed->count; i++) {
        cache_free(&freed->list[i].cache);
        pthread_mutex_destroy(&freed->list[i].lock);
    }
    free(freed->list);
    free(freed);
}

static struct answer failed(struct arena *arena, const struct source *source,
                            const char *reason)
{
    return (struct answer){
        .kind = ANSWER_FAILED,
        .reason =
            arena_format(arena, "%s: %s", source_kind_name(source->settings.kind), reason),
    };
}

/* One question, put to the source now. */
struct attempt {
    int64_t begin_ms;
    int64_t left_ms; /* of the time of who asks */
    bool is_probe;
};

/* False: it counts as away, and why. One that says so at once is asked all the same: nobody
 * waits for it, and what it cannot tell of some it may know of others. Not so while other
 * questions wait in vain: where a connection breaks, some fail at once. */
static bool may_ask(struct source *source, struct arena *arena, bool *is_probe,
                    struct answer *answer)
{
    int64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&source->lock);
    enum breaker_pass pass = breaker_ask(&source->breaker, now_ms);
    if (pass == BREAKER_REFUSE && now_ms - source->slow_ms > BREAKER_LONGEST_MS) {
        pass = BREAKER_ASK;
    }
    if (pass == BREAKER_REFUSE) {
        *answer = failed(arena, source, source->breaker.reason);
    }
    pthread_mutex_unlock(&source->lock);
    *is_probe = pass == BREAKER_PROBE;
    return pass != BREAKER_REFUSE;
}

/* A question that had less time than the source may take proves nothing, and neither does
 * one that fails again and again; but a probe must come to an end. */
static void report(struct source *source, const struct question *question,
                   const struct attempt *attempt, const struct answer *answer)
{
    int64_t now_ms = clock_monotonic_ms();
    bool is_hurried =
        attempt->left_ms < source->settings.timeout_ms && attempt->left_ms < UNHURRIED_MS;
    uint64_t key =
        hash_bytes((uint64_t)question->kind, question->key, strlen(question->key));
    pthread_mutex_lock(&source->lock);
    if (answer->kind != ANSWER_FAILED) {
        breaker_answered(&source->breaker);
    } else if (attempt->is_probe || (!is_hurried && key != source->failed_key)) {
        breaker_failed(&source->breaker, false, attempt->is_probe, answer->reason, now_ms);
        source->failed_key = key;
    }
    if (answer->kind == ANSWER_FAILED && now_ms - attempt->begin_ms >= QUICK_MS) {
        source->slow_ms = now_ms;
    }
    pthread_mutex_unlock(&source->lock);
}

static struct answer ask_now(struct source *source, const struct question *question,
                             int64_t deadline_ms, struct arena *arena, bool *asked)
{
    struct answer answer;
    int64_t now_ms = clock_monotonic_ms();
    struct attempt attempt = {
        .begin_ms = now_ms,
        .left_ms = deadline_ms > 0 ? deadline_ms - now_ms : INT64_MAX,
    };
    bool is_cut = attempt.left_ms < source->settings.timeout_ms;
    if (attempt.left_ms <= 0) {
        return failed(arena, source, "no time is left to ask it");
    }
    if (!may_ask(source, arena, &attempt.is_probe, &answer)) {
        return answer;
    }
    *asked = true;
    counter_add(COUNTER_SOURCE_ASKED, 1);
    answer = ask_source(&source->settings, question,
                        is_cut ? (int)attempt.left_ms : source->settings.timeout_ms, arena);
    if (answer.kind == ANSWER_FAILED && answer.reason == NULL) {
        answer.reason = "it cannot tell";
    }
    report(source, question, &attempt, &answer);
    if (answer.kind == ANSWER_FAILED) {
        counter_add(COUNTER_SOURCE_FAILED, 1);
        return failed(arena, source, answer.reason);
    }
    cache_keep(source->cache, question, &answer, clock_monotonic_ms());
    return answer;
}

/* The last answer of a source that is away, which says that it is old. */
static bool find_stale(struct source *source, const struct question *question,
                       struct arena *arena, struct answer *answer)
{
    struct answer stale;
    int64_t age_ms;
    if (!cache_find(source->cache, question, clock_monotonic_ms(),
                    source->settings.stale_ms, arena, &stale, &age_ms)) {
        return false;
    }
    if (stale.kind == ANSWER_FOUND) {
        stale.source =
            arena_format(arena, "%s, %" PRId64 " s old", stale.source, age_ms / 1000);
    }
    stale.reason = answer->reason;
    counter_add(COUNTER_SOURCE_STALE, 1);
    *answer = stale;
    return true;
}

static bool find_fresh(struct source *source, const struct question *question,
                       struct arena *arena, struct answer *answer)
{
    int64_t age_ms;
    return cache_find(source->cache, question, clock_monotonic_ms(),
                      source->settings.cache_ms, arena, answer, &age_ms) &&
           (answer->kind == ANSWER_FOUND || age_ms < NOT_FOUND_MS);
}

static struct answer ask_one(struct source *source, const struct snapshot *snapshot,
                             const struct question *question, int64_t deadline_ms,
                             struct arena *arena, bool *asked)
{
    struct answer answer = {.kind = ANSWER_NOT_FOUND};
    enum source_kind kind = source->settings.kind;
    if (kind == SOURCE_DMS) {
        return snapshot_answer(snapshot, question, arena);
    }
    if (!ask_is_meant(kind, question->kind) ||
        find_fresh(source, question, arena, &answer)) {
        return answer;
    }
    answer = ask_now(source, question, deadline_ms, arena, asked);
    if (answer.kind == ANSWER_FAILED) {
        find_stale(source, question, arena, &answer);
    }
    return answer;
}

struct answer sources_ask(struct sources *sources, const struct snapshot *snapshot,
                          const struct question *question, int64_t deadline_ms,
                          struct arena *arena, bool *asked)
{
    const char *doubt = NULL;
    *asked = false;
    for (size_t i = 0; i < sources->count; i++) {
        struct source *source = &sources->list[i];
        struct answer answer =
            ask_one(source, snapshot, question, deadline_ms, arena, asked);
        if (answer.kind == ANSWER_FOUND ||
            (answer.kind == ANSWER_FAILED && !source->settings.goes_on)) {
            return answer;
        }
        doubt = answer.reason != NULL ? answer.reason : doubt;
    }
    /* Without the volume it has what the configuration says, like directory.domains. */
    struct answer last = {.kind = ANSWER_NOT_FOUND};
    if (!sources->has_volume) {
        last = snapshot_answer(snapshot, question, arena);
    }
    if (last.kind == ANSWER_NOT_FOUND) {
        last.reason = doubt;
    }
    return last;
}

size_t sources_count(const struct sources *sources)
{
    return sources->count;
}

enum source_kind sources_kind(const struct sources *sources, size_t index)
{
    return sources->list[index].settings.kind;
}

struct answer sources_try(struct sources *sources, size_t index,
                          const struct snapshot *snapshot, const struct question *question,
                          struct arena *arena)
{
    const struct source_settings *settings = &sources->list[index].settings;
    if (settings->kind == SOURCE_DMS) {
        return snapshot_answer(snapshot, question, arena);
    }
    return ask_is_meant(settings->kind, question->kind)
               ? ask_source(settings, question, settings->timeout_ms, arena)
               : (struct answer){.kind = ANSWER_NOT_FOUND};
}
