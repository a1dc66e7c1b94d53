/* SPDX-License-Identifier: MIT */
/* ldap_lookup [buffered] NAME=VALUE...: looks keys up in the tables of docker-mailserver,
 * for the tests.
 *
 * Names are those of struct ldap_directory_settings, timeout_ms and jobs (threads that ask,
 * 1 by default). Each line of stdin is `TABLE KEY`; its answer is a line of tab separated
 * fields: its number from 0, the kind of the answer, milliseconds, and the value and the
 * quota, or the reason. Answers come in the order in which they are known. */
#include "ldap/directory.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOBS_MAX = 1100 };

static struct ldap_directory *directory;
static int timeout_ms = 5000;
static int jobs = 1;
static pthread_mutex_t input_lock = PTHREAD_MUTEX_INITIALIZER; /* stdin and line_count */
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static long line_count;

static bool set(struct ldap_directory_settings *settings, const char *name,
                const char *value)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {
        {"path", &settings->path},
        {"server_host", &settings->server_host},
        {"search_base", &settings->search_base},
        {"bind_dn", &settings->bind_dn},
        {"bind_pw", &settings->bind_pw},
        {"start_tls", &settings->start_tls},
        {"ca", &settings->ca},
        {"quota_attribute", &settings->quota_attribute},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].place = value;
            return true;
        }
    }
    int *number = strcmp(name, "jobs") == 0         ? &jobs
                  : strcmp(name, "timeout_ms") == 0 ? &timeout_ms
                                                    : NULL;
    return number != NULL && (*number = (int)strtol(value, NULL, 10)) > 0;
}

static bool find_table(const char *name, enum ldap_table_kind *kind)
{
    for (size_t i = 0; i < LDAP_TABLE_KINDS; i++) {
        *kind = (enum ldap_table_kind)i;
        if (strcmp(ldap_table_kind_name(*kind), name) == 0) {
            return true;
        }
    }
    return false;
}

static void print_answer(long number, const struct ldap_answer *answer, double ms)
{
    pthread_mutex_lock(&output_lock);
    printf("%ld\t%s\t%.3f\t", number, answer_kind_name(answer->kind), ms);
    if (answer->kind == ANSWER_FAILED) {
        printf("%s\n", answer->reason);
    } else if (answer->kind == ANSWER_FOUND) {
        printf("%s\t%s\n", answer->value, answer->quota);
    } else {
        puts("\t");
    }
    pthread_mutex_unlock(&output_lock);
}

static void ask(char *line, long number, struct arena *arena)
{
    enum ldap_table_kind kind;
    struct timespec start;
    struct ldap_answer answer;
    line[strcspn(line, "\n")] = '\0';
    char *key = strchr(line, ' ');
    if (key == NULL || (*key++ = '\0', !find_table(line, &kind))) {
        fprintf(stderr, "ldap_lookup: no table and key: %s\n", line);
        exit(2);
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    ldap_directory_look_up(directory, kind, key, timeout_ms, arena, &answer);
    print_answer(number, &answer, clock_elapsed_ms(&start));
}

static void *work(void *unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    char *line = NULL;
    size_t size = 0;
    for (;;) {
        pthread_mutex_lock(&input_lock);
        bool is_there = getline(&line, &size, stdin) > 0;
        long number = line_count++;
        pthread_mutex_unlock(&input_lock);
        if (!is_there) {
            break;
        }
        ask(line, number, arena);
        arena_reset(arena);
    }
    free(line);
    arena_free(&arena);
    return NULL;
}

static int run(const struct ldap_directory_settings *settings)
{
    struct error error;
    pthread_t threads[JOBS_MAX];
    struct loop *loop = loop_start(&error);
    directory = loop != NULL ? ldap_directory_new(loop, settings, &error) : NULL;
    if (directory == NULL) {
        fprintf(stderr, "ldap_lookup: %s\n", error.text);
        return 2;
    }
    int count = jobs < JOBS_MAX ? jobs : JOBS_MAX;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            abort();
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    ldap_directory_free(&directory);
    loop_stop(&loop);
    return 0;
}

int main(int argc, char **argv)
{
    struct ldap_directory_settings settings = {.path = ".", .quota_attribute = "mailQuota"};
    signal(SIGPIPE, SIG_IGN);
    bool is_buffered = argc > 1 && strcmp(argv[1], "buffered") == 0;
    setvbuf(stdout, NULL, is_buffered ? _IOFBF : _IOLBF, 1 << 16);
    for (int i = is_buffered ? 2 : 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL || (*value++ = '\0', !set(&settings, argv[i], value))) {
            fprintf(stderr, "ldap_lookup: what is %s?\n", argv[i]);
            return 2;
        }
    }
    return run(&settings);
}
