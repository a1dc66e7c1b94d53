/* SPDX-License-Identifier: MIT */
/*
 * What the rule engine itself costs, without libmilter. tests/bench/engine starts it.
 *
 * Usage: bench_engine MEASUREMENT SECONDS [NAME=VALUE]... < RECIPIENTS
 *
 * `calls`    RCPT after RCPT: the time of each, and the processor time of the whole
 * process. `waiting`  each recipient but the first has a session of its own, all at once;
 * the rules let them wait. Meanwhile the first one asks again and again, which must not
 *            wait: its times, and what memory the others take.
 *
 * Each NAME=VALUE is an option of the program. Prints `rcpt key=value ...`, times in
 * microseconds, memory in KiB.
 */
#include "times.h"

#include "parts.h"

#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TRANSACTION = 50, /* recipients of one */
    STACK_BYTES = 256 << 10,
    PAGE_KIB = 4,
    MILLISECOND_NS = 1000000,
};

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench_engine: %s\n", what);
    exit(1);
}

static struct transaction *session_begin(const struct parts *parts)
{
    static const struct peer peer = {
        .name = "client.example.net", .ip = "192.0.2.7", .port = 40000, .listener = "smtp"};
    struct transaction *transaction = transaction_new(&parts->transactions);
    transaction_connect(transaction, &peer);
    transaction_helo(transaction, "client.example.net");
    return transaction;
}

static void mail(struct transaction *transaction)
{
    static const char *const arguments[] = {"<sender@remote.example>", "SIZE=2048", NULL};
    static const struct mail_facts facts = {0};
    struct verdict verdict = transaction_mail(transaction, &facts, arguments);
    if (verdict.kind != VERDICT_CONTINUE) {
        give_up("MAIL is refused");
    }
}

/* What is refused is cheap, and would look like speed. */
static void rcpt(struct transaction *transaction, const char *address)
{
    char typed[1024];
    snprintf(typed, sizeof typed, "<%s>", address);
    const char *const arguments[] = {typed, NULL};
    struct verdict verdict = transaction_rcpt(transaction, NULL, arguments);
    if (verdict.kind != VERDICT_CONTINUE) {
        give_up(verdict.text != NULL ? verdict.text : "a recipient is refused");
    }
}

static int64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The processor time is of RCPT alone. */
static void measure_calls(const struct parts *parts, const struct recipients *recipients,
                          double seconds)
{
    struct transaction *transaction = session_begin(parts);
    struct times times = {0};
    int64_t processor = 0;
    int64_t end = now_ns() + (int64_t)(seconds * 1e9);
    for (size_t next = 0; now_ns() < end;) {
        mail(transaction);
        int64_t before = processor_ns();
        for (int i = 0; i < TRANSACTION; i++) {
            int64_t began = now_ns();
            rcpt(transaction, recipients->items[next++ % recipients->count]);
            times_add(&times, now_ns() - began);
        }
        processor += processor_ns() - before;
        transaction_end(transaction);
    }
    printf("processor us=%.2f\n", (double)processor / 1000.0 / (double)times.count);
    times_print(&times, "rcpt");
    times_free(&times);
    transaction_free(&transaction);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) {
        give_up("/proc/self/statm cannot be read");
    }
    fclose(file);
    return pages * PAGE_KIB;
}

struct waiter {
    const struct parts *parts;
    const char *recipient;
    pthread_t thread;
};

static struct {
    atomic_size_t asked, answered;
} waiters;

static void *wait_for_answer(void *argument)
{
    const struct waiter *waiter = argument;
    struct transaction *transaction = session_begin(waiter->parts);
    mail(transaction);
    atomic_fetch_add(&waiters.asked, 1);
    rcpt(transaction, waiter->recipient);
    atomic_fetch_add(&waiters.answered, 1);
    transaction_free(&transaction);
    return NULL;
}

static void waiters_start(struct waiter *waiter, size_t count, const struct parts *parts,
                          const struct recipients *recipients)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (size_t i = 0; i < count; i++) {
        waiter[i] = (struct waiter){.parts = parts, .recipient = recipients->items[i + 1]};
        if (pthread_create(&waiter[i].thread, &attributes, wait_for_answer, &waiter[i]) !=
            0) {
            give_up("no further thread");
        }
    }
    pthread_attr_destroy(&attributes);
}

static void pause_ms(int ms)
{
    const struct timespec pause = {.tv_nsec = ms * MILLISECOND_NS};
    nanosleep(&pause, NULL);
}

static void measure_waiting(const struct parts *parts, const struct recipients *recipients)
{
    size_t count = recipients->count - 1;
    struct waiter *all = calloc(count, sizeof *all);
    struct transaction *transaction = session_begin(parts);
    struct times times = {0};
    mail(transaction);
    rcpt(transaction, recipients->items[0]); /* all that is made once */
    transaction_end(transaction);
    long before = resident_kib();
    long most = before;
    size_t waiting = 0;
    waiters_start(all, count, parts, recipients);
    while (atomic_load(&waiters.answered) == 0) {
        mail(transaction);
        int64_t began = now_ns();
        rcpt(transaction, recipients->items[0]);
        int64_t took = now_ns() - began;
        transaction_end(transaction);
        if (atomic_load(&waiters.asked) == count) {
            times_add(&times, took);
            long now = resident_kib();
            most = now > most ? now : most;
            waiting = count - atomic_load(&waiters.answered);
        }
        pause_ms(1);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
    }
    printf("waiting count=%zu resident_kib=%.1f\n", waiting,
           (double)(most - before) / (double)count);
    times_print(&times, "rcpt");
    times_free(&times);
    transaction_free(&transaction);
    free(all);
}

int main(int argc, char **argv)
{
    struct recipients recipients = {0};
    struct error error = {0};
    double seconds = argc >= 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0 || seconds > 3600) {
        fprintf(stderr, "usage: bench_engine calls|waiting SECONDS [NAME=VALUE]...\n");
        return 2;
    }
    recipients_read(&recipients);
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    struct config *config = config_new();
    for (int i = 3; i < argc; i++) {
        if (!config_override(config, argv[i], &error)) {
            give_up(error.text);
        }
    }
    struct parts parts;
    if (!parts_start(&parts, config, NULL, &error)) {
        give_up(error.text);
    }
    if (strcmp(argv[1], "waiting") == 0) {
        measure_waiting(&parts, &recipients);
    } else {
        measure_calls(&parts, &recipients, seconds);
    }
    parts_stop(&parts);
    config_free(&config);
    recipients_free(&recipients);
    return 0;
}
