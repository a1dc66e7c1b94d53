/* SPDX-License-Identifier: MIT */
/*
 * Asks Dovecot's userdb for names and prints what it says, many questions under way at a
 * time. tests/integration/userdb.py starts it.
 *
 * Usage: ask_userdb WHERE TIMEOUT_MS RENEW_MS THREADS < NAMES    (one a line)
 *
 * Each thread asks one question after the other. Prints for each, at once, in no order:
 * name, found/not found/failed, user or reason, limit of storage, milliseconds; between
 * tabs.
 */
#include "base/clock.h"
#include "directory/quota_rule.h"
#include "dovecot/userdb.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 256, NAME_BYTES = 2048 };

struct job {
    struct loop *loop;
    struct userdb *userdb;
    int timeout_ms;
};

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "ask_userdb: %s\n", what);
    exit(1);
}

static void print(const struct userdb_request *question, double took_ms)
{
    const struct userdb_answer *answer = &question->answer;
    struct quota_rule rule = {0};
    for (size_t i = 0; i < answer->count; i++) {
        quota_rule_take(&rule, answer->fields[i].name, answer->fields[i].value);
    }
    const char *said = answer->kind == ANSWER_FAILED ? question->request.error.text
                       : answer->user != NULL        ? answer->user
                                                     : "";
    const char *limit = quota_rule_limit(&rule);
    printf("%s\t%s\t%s\t%s\t%.1f\n", question->name, answer_kind_name(answer->kind), said,
           limit != NULL ? limit : "", took_ms);
    fflush(stdout);
}

static void *ask_main(void *argument)
{
    const struct job *job = argument;
    char name[NAME_BYTES];
    struct arena *arena = arena_new();
    while (fgets(name, sizeof name, stdin) != NULL) {
        struct userdb_request question;
        struct timespec begun;
        name[strcspn(name, "\n")] = '\0';
        userdb_request_init(&question, job->userdb, name, job->timeout_ms, arena);
        clock_gettime(CLOCK_MONOTONIC, &begun);
        request_wait(job->loop, (struct request *[]){&question.request}, 1);
        print(&question, clock_elapsed_ms(&begun));
        arena_reset(arena);
    }
    arena_free(&arena);
    return NULL;
}

int main(int count, char **words)
{
    struct error error;
    pthread_t threads[THREADS];
    if (count != 5) {
        give_up("needs WHERE TIMEOUT_MS RENEW_MS THREADS");
    }
    const struct userdb_settings settings = {
        .where = words[1], .service = "lmtp", .renew_ms = (int)strtol(words[3], NULL, 10)};
    struct job job = {.timeout_ms = (int)strtol(words[2], NULL, 10)};
    long thread_count = strtol(words[4], NULL, 10);
    if (thread_count < 1 || thread_count > THREADS) {
        give_up("too many threads, or none");
    }
    job.loop = loop_start(&error);
    job.userdb = job.loop != NULL ? userdb_new(job.loop, &settings, &error) : NULL;
    if (job.userdb == NULL) {
        give_up(error.text);
    }
    for (long i = 0; i < thread_count; i++) {
        if (pthread_create(&threads[i], NULL, ask_main, &job) != 0) {
            give_up("no thread");
        }
    }
    for (long i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
    }
    userdb_free(&job.userdb);
    loop_stop(&job.loop);
    return 0;
}
