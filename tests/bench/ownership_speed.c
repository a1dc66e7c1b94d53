/* SPDX-License-Identifier: MIT */
/*
 * How long it takes to say whether a login may send as an address.
 * tests/bench/directory writes the volume and starts it.
 *
 * Usage: bench_ownership VOLUME CALLS
 *
 * Cases are read from the standard input, one a line: `name found|not address login`. Each
 * is asked CALLS times in a row (warm), and as often with look-ups of other addresses in
 * between, so that little of the directory is left in the caches (cold). Prints lines of
 * `name key=value
 * ...` in microseconds of the processor, so that waiting for it does not count.
 */
#include "times.h"

#include "base/arena.h"
#include "directory/dms.h"
#include "directory/ownership.h"
#include "directory/snapshot_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* More entries than the caches hold. */
enum { OTHERS = 20000, FIELD_BYTES = 200, CALLS_MAX = 100000 };

struct test_case {
    char name[FIELD_BYTES], want[FIELD_BYTES], address[FIELD_BYTES], login[FIELD_BYTES];
};

/* Keys of others, and where in them the look-ups go on. */
struct others {
    const char *keys[OTHERS];
    size_t count;
};

static int64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct snapshot *load(const char *volume)
{
    const struct directory_settings settings = {
        .volume = volume,
        .hostname = "mail.bench.example",
        .mydestination = "mail.bench.example, localhost.bench.example, localhost",
        .rules = {.myorigin = "mail.bench.example", .delimiters = "+"},
    };
    struct error error = {0};
    struct snapshot *snapshot = dms_load(&settings, NULL, &error);
    if (snapshot == NULL) {
        fprintf(stderr, "%s: %s\n", volume, error.text);
        exit(1);
    }
    return snapshot;
}

/* From all over the tables. */
static void choose_others(const struct snapshot *snapshot, struct others *others)
{
    const struct table *table = &snapshot->aliases;
    size_t stride = table->count / OTHERS + 1;
    size_t cursor = 0;
    struct table_entry entry;
    for (size_t i = 0; table_next(table, &cursor, &entry); i++) {
        if (i % stride == 0) {
            others->keys[others->count++] = entry.key;
        }
    }
}

static void ask_others(const struct snapshot *snapshot, const struct others *others)
{
    for (size_t i = 0; i < others->count; i++) {
        struct question question = {.kind = QUESTION_TABLE, .key = others->keys[i]};
        struct answer answer = snapshot_answer(snapshot, &question, NULL);
        question.kind = QUESTION_MAILBOX;
        question.key = answer.value;
        snapshot_answer(snapshot, &question, NULL);
    }
}

static void ask(const struct test_case *test, const struct snapshot *snapshot,
                const struct address *address, struct times *times)
{
    static const struct ownership_options options = {
        .nested = true, .catch_all = true, .regexp = true, .group = true};
    struct arena *arena = arena_new();
    int64_t began = processor_ns();
    struct ownership got = ownership_find(
        arena, test->login, address, &(struct directory){.snapshot = snapshot}, &options);
    times_add(times, processor_ns() - began);
    if ((got.kind == ANSWER_FOUND) != (strcmp(test->want, "found") == 0)) {
        fprintf(stderr, "%s: %s, %s\n", test->name, answer_kind_name(got.kind),
                got.kind == ANSWER_FOUND ? got.proof : got.reason);
        exit(1);
    }
    arena_free(&arena);
}

static void measure(const struct test_case *test, const struct snapshot *snapshot,
                    const struct others *others, int calls)
{
    struct arena *arena = arena_new();
    struct address address;
    address_from_internal(arena, test->address, &snapshot_settings(snapshot)->rules,
                          &address);
    for (int cold = 0; cold < 2; cold++) {
        struct times times = {0};
        char name[FIELD_BYTES + 10];
        for (int i = 0; i < calls; i++) {
            if (cold) {
                ask_others(snapshot, others);
            }
            ask(test, snapshot, &address, &times);
        }
        snprintf(name, sizeof name, "%s_%s", test->name, cold ? "cold" : "warm");
        times_print(&times, name);
        times_free(&times);
    }
    arena_free(&arena);
}

int main(int argc, char **argv)
{
    static struct others others;
    int calls = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (calls < 1 || calls > CALLS_MAX) {
        fprintf(stderr, "usage: bench_ownership VOLUME CALLS <CASES\n");
        return 2;
    }
    struct snapshot *snapshot = load(argv[1]);
    choose_others(snapshot, &others);
    struct test_case test;
    while (scanf("%199s %199s %199s %199s", test.name, test.want, test.address,
                 test.login) == 4) {
        measure(&test, snapshot, &others, calls);
        fflush(stdout);
    }
    snapshot_release(&snapshot);
    return 0;
}
