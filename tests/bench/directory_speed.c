/* SPDX-License-Identifier: MIT */
/*
 * How fast a config volume is loaded, looked up and resolved, without anything around it.
 * tests/bench/directory writes the volume and starts it.
 *
 * Usage: bench_directory VOLUME [ROUNDS [MEASUREMENT]]
 *
 * Loads it and, with ROUNDS, measures that many times what it answers; only one measurement
 * for a profiler. Prints lines of `name key=value ...`.
 *
 * Keys are those of the volume in random order: as many for a small one as for a large one,
 * side by side in memory, so that only the tables differ. For a miss a letter of each is
 * changed. Nested are the aliases whose name begins so. Times are of the processor, so that
 * waiting for it does not count; the load's is by the clock as well.
 */
#include "base/arena.h"
#include "directory/dms.h"
#include "directory/resolve.h"
#include "directory/snapshot_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKUPS = 1 << 19, RESOLUTIONS = 1 << 15, BATCH = 256, ROUNDS_MAX = 100 };

#define NESTED "nested"

struct keys {
    char **keys; /* in random order, their text side by side */
    char *text;
    size_t count;
};

/* One way to use a snapshot; run returns how often it had success. */
struct measure {
    const char *name;
    size_t (*run)(const struct snapshot *snapshot, const struct keys *keys,
                  double *seconds);
    size_t count;                     /* of a round */
    bool of_accounts, missed, nested; /* its keys */
    struct keys keys;
    double ns[ROUNDS_MAX]; /* each */
};

static const struct directory_settings base_settings = {
    .hostname = "mail.bench.example",
    .mydestination = "mail.bench.example, localhost.bench.example, localhost",
    .postmaster = "postmaster@bench.example",
    .rules = {.myorigin = "mail.bench.example", .delimiters = "+"},
};

static double clock_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static long status_kib(const char *name)
{
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kib = strtol(line + strlen(name), NULL, 10);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return kib;
}

static struct snapshot *load(const char *volume)
{
    struct directory_settings settings = base_settings;
    struct error error = {0};
    settings.volume = volume;
    double wall = clock_seconds(CLOCK_MONOTONIC);
    double processor = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct snapshot *snapshot = dms_load(&settings, NULL, &error);
    processor = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - processor;
    wall = clock_seconds(CLOCK_MONOTONIC) - wall;
    if (snapshot == NULL) {
        fprintf(stderr, "%s: %s\n", volume, error.text);
        exit(1);
    }
    struct snapshot_counts counts = snapshot_counts(snapshot);
    printf("load seconds=%.6f processor=%.6f rss_kib=%ld peak_kib=%ld accounts=%zu "
           "aliases=%zu patterns=%zu quotas=%zu\n",
           wall, processor, status_kib("VmRSS:"), status_kib("VmHWM:"), counts.accounts,
           counts.aliases, counts.patterns, counts.quotas);
    fflush(stdout);
    return snapshot;
}

/* The same sequence in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void shuffle(const char **keys, size_t count)
{
    uint64_t state = 1;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(next_random(&state) % i);
        const char *key = keys[i - 1];
        keys[i - 1] = keys[other];
        keys[other] = key;
    }
}

/* All keys of the table that fit the measurement, in random order, and again from the
 * beginning. */
static void choose_keys(struct measure *measure, const struct snapshot *snapshot)
{
    const struct table *table =
        measure->of_accounts ? &snapshot->accounts : &snapshot->aliases;
    const char **all = allocate(table->count * sizeof *all);
    size_t count = 0;
    size_t cursor = 0;
    struct table_entry entry;
    while (table_next(table, &cursor, &entry)) {
        if (!measure->nested || strncmp(entry.key, NESTED, strlen(NESTED)) == 0) {
            all[count++] = entry.key;
        }
    }
    if (count == 0) {
        fprintf(stderr, "no keys for %s\n", measure->name);
        exit(1);
    }
    shuffle(all, count);
    struct keys *keys = &measure->keys;
    size_t bytes = 0;
    keys->count = measure->count;
    for (size_t i = 0; i < keys->count; i++) {
        bytes += strlen(all[i % count]) + 1;
    }
    keys->keys = allocate(keys->count * sizeof *keys->keys);
    keys->text = allocate(bytes);
    char *at = keys->text;
    for (size_t i = 0; i < keys->count; i++) {
        size_t size = strlen(all[i % count]) + 1;
        keys->keys[i] = memcpy(at, all[i % count], size);
        if (measure->missed) {
            keys->keys[i][1] = '_';
        }
        at += size;
    }
    free(all);
}

static size_t ask(const struct snapshot *snapshot, const struct keys *keys,
                  enum question_kind kind, double *seconds)
{
    size_t found = 0;
    double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < keys->count; i++) {
        const struct question question = {.kind = kind, .key = keys->keys[i]};
        found += snapshot_answer(snapshot, &question, NULL).kind == ANSWER_FOUND;
    }
    *seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    return found;
}

static size_t ask_aliases(const struct snapshot *snapshot, const struct keys *keys,
                          double *seconds)
{
    return ask(snapshot, keys, QUESTION_TABLE, seconds);
}

static size_t ask_accounts(const struct snapshot *snapshot, const struct keys *keys,
                           double *seconds)
{
    return ask(snapshot, keys, QUESTION_MAILBOX, seconds);
}

static bool parse(struct arena *arena, const char *key, const struct snapshot *snapshot,
                  struct address *address)
{
    struct error error = {0};
    return address_parse(arena, key, &snapshot_settings(snapshot)->rules, address, &error);
}

static bool resolve(struct arena *arena, const struct address *address,
                    const struct snapshot *snapshot)
{
    const struct expansion *expansion =
        resolve_address(arena, address, &(struct directory){.snapshot = snapshot});
    return expansion->status == EXPANSION_OK &&
           expansion->recipients[0].class == CLASS_MAILBOX;
}

static size_t parse_only(const struct snapshot *snapshot, const struct keys *keys,
                         double *seconds)
{
    struct arena *arena = arena_new();
    size_t parsed = 0;
    double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < keys->count; i++) {
        struct address address;
        parsed += parse(arena, keys->keys[i], snapshot, &address);
        arena_reset(arena);
    }
    *seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    arena_free(&arena);
    return parsed;
}

/* Parsed a few at a time, with the clock stopped: all of them at once would fill the caches
 * with what the program never has in memory. */
static size_t resolve_only(const struct snapshot *snapshot, const struct keys *keys,
                           double *seconds)
{
    struct address addresses[BATCH];
    struct arena *parsed = arena_new();
    struct arena *arena = arena_new();
    size_t resolved = 0;
    *seconds = 0;
    for (size_t i = 0; i + BATCH <= keys->count; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++) {
            parse(parsed, keys->keys[i + j], snapshot, &addresses[j]);
        }
        double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
        for (size_t j = 0; j < BATCH; j++) {
            resolved += resolve(arena, &addresses[j], snapshot);
            arena_reset(arena);
        }
        *seconds += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
        arena_reset(parsed);
    }
    arena_free(&arena);
    arena_free(&parsed);
    return resolved;
}

static size_t parse_and_resolve(const struct snapshot *snapshot, const struct keys *keys,
                                double *seconds)
{
    struct arena *arena = arena_new();
    size_t resolved = 0;
    double began = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < keys->count; i++) {
        struct address address;
        resolved += parse(arena, keys->keys[i], snapshot, &address) &&
                    resolve(arena, &address, snapshot);
        arena_reset(arena);
    }
    *seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    arena_free(&arena);
    return resolved;
}

static struct measure measures[] = {
    {.name = "alias_hit", .run = ask_aliases, .count = LOOKUPS},
    {.name = "alias_miss", .run = ask_aliases, .count = LOOKUPS, .missed = true},
    {.name = "account_hit", .run = ask_accounts, .count = LOOKUPS, .of_accounts = true},
    {.name = "account_miss",
     .run = ask_accounts,
     .count = LOOKUPS,
     .of_accounts = true,
     .missed = true},
    {.name = "parse", .run = parse_only, .count = RESOLUTIONS, .nested = true},
    {.name = "resolve", .run = resolve_only, .count = RESOLUTIONS, .nested = true},
    {.name = "parse_resolve",
     .run = parse_and_resolve,
     .count = RESOLUTIONS,
     .nested = true},
};

enum { MEASURES = sizeof measures / sizeof measures[0] };

static void run_once(struct measure *measure, const struct snapshot *snapshot, int round)
{
    double seconds;
    size_t wanted = measure->missed ? 0 : measure->count;
    size_t got = measure->run(snapshot, &measure->keys, &seconds);
    if (got != wanted) {
        fprintf(stderr, "%s: %zu of %zu, not %zu\n", measure->name, got, measure->count,
                wanted);
        exit(1);
    }
    measure->ns[round] = seconds * 1e9 / (double)measure->count;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* In turn, round after round, after one that does not count: what slows the machine down
 * for a while slows down all. */
static void measure_all(const struct snapshot *snapshot, const char *only, int rounds)
{
    for (int round = -1; round < rounds; round++) {
        for (size_t i = 0; i < MEASURES; i++) {
            struct measure *measure = &measures[i];
            if (only != NULL && strcmp(only, measure->name) != 0) {
                continue;
            }
            if (measure->keys.count == 0) {
                choose_keys(measure, snapshot);
            }
            run_once(measure, snapshot, round > 0 ? round : 0);
        }
    }
    for (size_t i = 0; i < MEASURES; i++) {
        struct measure *measure = &measures[i];
        if (measure->keys.count > 0) {
            qsort(measure->ns, (size_t)rounds, sizeof measure->ns[0], compare);
            printf("%s ns=%.2f best=%.2f worst=%.2f\n", measure->name,
                   measure->ns[rounds / 2], measure->ns[0], measure->ns[rounds - 1]);
            free(measure->keys.keys);
            free(measure->keys.text);
        }
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (argc < 2 || argc > 4 || rounds < 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_directory VOLUME [ROUNDS [MEASUREMENT]]\n");
        return 2;
    }
    struct snapshot *snapshot = load(argv[1]);
    if (rounds > 0) {
        measure_all(snapshot, argc > 3 ? argv[3] : NULL, rounds);
    }
    snapshot_release(&snapshot);
    return 0;
}
