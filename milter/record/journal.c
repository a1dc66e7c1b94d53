/* SPDX-License-Identifier: MIT */
#include "record/journal.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "record/file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARN_MS = 60 * 1000 };

struct line {
    struct line *next;
    struct buffer text;
};

struct journal {
    pthread_mutex_t lock; /* protects first to is_ending; a leaf */
    pthread_cond_t more;  /* a line, or the end: for the thread */
    pthread_cond_t idle;  /* all is written: for who flushes */
    struct line *first, *last;
    size_t queued_bytes;
    int64_t refused; /* lines, since the queue was full */
    bool is_writing;
    bool is_ending;
    pthread_t thread;
    /* The thread's own: */
    struct journal_settings settings;
    struct record_file file;
    bool has_warned;   /* and has not said since that all is well */
    int64_t warned_ms; /* when it did last */
    int64_t lost;      /* since it was said last */
};

static void lose(struct journal *journal, int64_t count, const char *reason)
{
    int64_t now_ms = clock_monotonic_ms();
    counter_add(COUNTER_RECORD_LOST, count);
    journal->lost += count;
    if (now_ms - journal->warned_ms < WARN_MS) {
        return;
    }
    struct log_line line;
    log_begin(&line, LOG_WARNING, "record_lost");
    log_number(&line, "lost", journal->lost);
    log_text(&line, "error", reason);
    log_text(&line, "remedy", "make room, or let the user of foregate write there");
    log_end(&line);
    journal->has_warned = true;
    journal->warned_ms = now_ms;
    journal->lost = 0;
}

/* Once for each warning. */
static void recover(struct journal *journal)
{
    if (!journal->has_warned) {
        return;
    }
    struct log_line line;
    log_begin(&line, LOG_INFO, "record_resumed");
    log_text(&line, "file", journal->settings.path);
    log_number(&line, "lost", journal->lost);
    log_end(&line);
    journal->has_warned = false;
    journal->lost = 0;
}

static void line_free(struct line *line)
{
    buffer_deinit(&line->text);
    free(line);
}

/* The lines that wait, at least one unless it is the end. */
static struct line *take_lines(struct journal *journal, int64_t *refused)
{
    pthread_mutex_lock(&journal->lock);
    journal->is_writing = false;
    while (journal->first == NULL && !journal->is_ending) {
        pthread_cond_broadcast(&journal->idle);
        pthread_cond_wait(&journal->more, &journal->lock);
    }
    struct line *lines = journal->first;
    journal->first = journal->last = NULL;
    journal->queued_bytes = 0;
    journal->is_writing = true;
    *refused = journal->refused;
    journal->refused = 0;
    pthread_mutex_unlock(&journal->lock);
    return lines;
}

static void *write_lines(void *argument)
{
    struct journal *journal = argument;
    struct line *lines;
    int64_t refused;
    while ((lines = take_lines(journal, &refused)) != NULL) {
        if (refused > 0) {
            lose(journal, refused, "more records than the disk takes");
        }
        while (lines != NULL) {
            struct line *line = lines;
            struct error error = {0};
            lines = line->next;
            if (record_file_append(&journal->file, line->text.data, line->text.length,
                                   &error)) {
                recover(journal);
            } else {
                lose(journal, 1, error.text);
            }
            line_free(line);
        }
    }
    return NULL;
}

static struct journal *allocate(const struct journal_settings *settings)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        abort();
    }
    journal->settings = *settings;
    journal->file = (struct record_file){.settings = &journal->settings, .descriptor = -1};
    journal->warned_ms = clock_monotonic_ms() - WARN_MS;
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->more, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    return journal;
}

static void release(struct journal *journal)
{
    record_file_close(&journal->file);
    pthread_cond_destroy(&journal->idle);
    pthread_cond_destroy(&journal->more);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

struct journal *journal_open(const struct journal_settings *settings, struct error *error)
{
    struct journal *journal = allocate(settings);
    struct error problem = {0};
    if (!record_file_open(&journal->file, &problem)) {
        error_set(error, ERROR_CONFIG,
                  "record: %s; let the user of foregate write there, or name another file",
                  problem.text);
        release(journal);
        return NULL;
    }
    int result = pthread_create(&journal->thread, NULL, write_lines, journal);
    if (result != 0) {
        error_set(error, ERROR_SYSTEM, "record: cannot start its thread: %s",
                  strerror(result));
        release(journal);
        return NULL;
    }
    return journal;
}

void journal_write(struct journal *journal, const struct record *record)
{
    struct line *line = malloc(sizeof *line);
    if (line == NULL) {
        abort();
    }
    line->next = NULL;
    buffer_init(&line->text, RECORD_LINE_BYTES);
    record_write(record, &line->text);
    pthread_mutex_lock(&journal->lock);
    bool fits = journal->queued_bytes + line->text.length <= JOURNAL_QUEUE_BYTES;
    if (fits) {
        journal->queued_bytes += line->text.length;
        *(journal->last != NULL ? &journal->last->next : &journal->first) = line;
        journal->last = line;
        pthread_cond_signal(&journal->more);
    } else {
        journal->refused++;
    }
    pthread_mutex_unlock(&journal->lock);
    if (!fits) {
        line_free(line);
    }
}

bool journal_flush(struct journal *journal, int limit_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += limit_ms / 1000;
    end.tv_nsec += limit_ms % 1000 * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000L;
    end.tv_nsec %= 1000000000L;
    int status = 0;
    pthread_mutex_lock(&journal->lock);
    while ((journal->first != NULL || journal->is_writing) && status == 0) {
        status = pthread_cond_timedwait(&journal->idle, &journal->lock, &end);
    }
    bool is_done = journal->first == NULL && !journal->is_writing;
    pthread_mutex_unlock(&journal->lock);
    return is_done;
}

void journal_close(struct journal **journal)
{
    if (*journal == NULL) {
        return;
    }
    pthread_mutex_lock(&(*journal)->lock);
    (*journal)->is_ending = true;
    pthread_cond_signal(&(*journal)->more);
    pthread_mutex_unlock(&(*journal)->lock);
    pthread_join((*journal)->thread, NULL);
    release(*journal);
    *journal = NULL;
}
