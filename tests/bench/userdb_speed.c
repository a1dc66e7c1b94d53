/* SPDX-License-Identifier: MIT */
/*
 * Asks Dovecot's userdb for names in turn, a number of questions under way at a time, and
 * measures how long each takes whoever waits for it. tests/bench/sources/userdb starts it.
 *
 * Usage: bench_userdb WHERE SECONDS THREADS < NAMES    (one a line)
 *
 * Each thread asks one question after the other, as the workers of `foregate run` do.
 * Prints `userdb key=value ...`, times in microseconds, and `rate=`, answers a second. A
 * name that is not found ends it with an error.
 */
#include "times.h"

#include "base/arena.h"
#include "dovecot/userdb.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 256, TIMEOUT_MS = 10 * 1000, WARM_UP = 100 };

struct client {
    pthread_t thread;
    struct loop *loop;
    struct userdb *userdb;
    const struct recipients *names;
    int64_t end_ns;
    size_t first;
    struct times times;
};

static atomic_bool has_failed;

static bool ask(struct client *client, const char *name, struct arena *arena)
{
    struct userdb_request question;
    userdb_request_init(&question, client->userdb, name, TIMEOUT_MS, arena);
    request_wait(client->loop, (struct request *[]){&question.request}, 1);
    if (question.answer.kind != ANSWER_FOUND) {
        fprintf(stderr, "%s: %s %s\n", name, answer_kind_name(question.answer.kind),
                question.request.error.text);
        has_failed = true;
    }
    arena_reset(arena);
    return !has_failed;
}

static void *ask_main(void *argument)
{
    struct client *client = argument;
    struct arena *arena = arena_new();
    size_t turn = client->first;
    int64_t begun = now_ns();
    while (begun < client->end_ns &&
           ask(client, client->names->items[turn % client->names->count], arena)) {
        int64_t ended = now_ns();
        times_add(&client->times, ended - begun);
        begun = ended;
        turn++;
    }
    arena_free(&arena);
    return NULL;
}

static void measure(struct client *clients, size_t count, double seconds)
{
    struct times times = {0};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < WARM_UP; i++) {
        ask(&clients[0], clients[0].names->items[0], arena);
    }
    arena_free(&arena);
    int64_t begun = now_ns();
    for (size_t i = 0; i < count; i++) {
        clients[i].end_ns = begun + (int64_t)(seconds * 1e9);
        if (pthread_create(&clients[i].thread, NULL, ask_main, &clients[i]) != 0) {
            abort();
        }
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    double took = (double)(now_ns() - begun) / 1e9;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < clients[i].times.count; j++) {
            times_add(&times, clients[i].times.items[j]);
        }
        times_free(&clients[i].times);
    }
    times_print(&times, "userdb");
    printf("rate=%.1f\n", (double)times.count / took);
    times_free(&times);
}

int main(int count, char **words)
{
    struct error error;
    struct recipients names = {0};
    static struct client clients[THREADS];
    size_t threads = count == 4 ? strtoul(words[3], NULL, 10) : 0;
    if (threads < 1 || threads > THREADS) {
        fprintf(stderr, "usage: bench_userdb WHERE SECONDS THREADS < NAMES\n");
        return 2;
    }
    recipients_read(&names);
    const struct userdb_settings settings = {.where = words[1], .service = "lmtp"};
    struct loop *loop = loop_start(&error);
    struct userdb *userdb = loop != NULL ? userdb_new(loop, &settings, &error) : NULL;
    if (userdb == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    for (size_t i = 0; i < threads; i++) {
        clients[i] = (struct client){
            .loop = loop, .userdb = userdb, .names = &names, .first = i * 7};
    }
    measure(clients, threads, strtod(words[2], NULL));
    userdb_free(&userdb);
    loop_stop(&loop);
    recipients_free(&names);
    return has_failed ? 1 : 0;
}
