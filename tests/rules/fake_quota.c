/* SPDX-License-Identifier: MIT */
#include "fake_quota.h"

#include "quota/client.h"

#include <assert.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS = 2048, QUESTIONS = 65536 };

struct entry {
    char mailbox[QUOTA_MAILBOX_BYTES];
    enum fake_answer answer;
    char text[QUOTA_TEXT_BYTES];
    int64_t room_bytes;
};

struct question {
    char mailbox[128];
    int64_t bytes;
};

struct quota_client {
    struct loop *loop;
    int timeout_ms;
};

static struct {
    pthread_mutex_t lock; /* protects all below */
    struct entry *answers;
    size_t answer_count;
    struct question *questions;
    size_t question_count;
    struct quota_request *held;
    size_t held_count, hold_until;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

void fake_quota_begin(void)
{
    pthread_mutex_lock(&fake.lock);
    if (fake.answers == NULL) {
        fake.answers = calloc(ANSWERS, sizeof *fake.answers);
        fake.questions = calloc(QUESTIONS, sizeof *fake.questions);
    }
    assert(fake.answers != NULL && fake.questions != NULL && fake.held == NULL);
    fake.answer_count = fake.question_count = fake.hold_until = 0;
    pthread_mutex_unlock(&fake.lock);
}

static struct entry *entry_find(const char *mailbox)
{
    for (size_t i = 0; i < fake.answer_count; i++) {
        if (strcmp(fake.answers[i].mailbox, mailbox) == 0) {
            return &fake.answers[i];
        }
    }
    return NULL;
}

void fake_quota_answer(const char *mailbox, enum fake_answer answer, const char *text,
                       int64_t room_bytes)
{
    pthread_mutex_lock(&fake.lock);
    struct entry *entry = entry_find(mailbox);
    if (entry == NULL) {
        assert(fake.answer_count < ANSWERS);
        entry = &fake.answers[fake.answer_count++];
    }
    *entry = (struct entry){.answer = answer, .room_bytes = room_bytes};
    snprintf(entry->mailbox, sizeof entry->mailbox, "%s", mailbox);
    snprintf(entry->text, sizeof entry->text, "%s", text);
    pthread_mutex_unlock(&fake.lock);
}

void fake_quota_hold(size_t count)
{
    pthread_mutex_lock(&fake.lock);
    fake.hold_until = count;
    pthread_mutex_unlock(&fake.lock);
}

size_t fake_quota_count(void)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = fake.question_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

const char *fake_quota_mailbox(size_t index)
{
    assert(index < fake_quota_count());
    return fake.questions[index].mailbox;
}

int64_t fake_quota_bytes(size_t index)
{
    assert(index < fake_quota_count());
    return fake.questions[index].bytes;
}

static void silence_ends(int descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    struct quota_request *question = argument;
    error_set(&question->request.error, ERROR_TIMEOUT, "no answer within %d ms",
              question->request.timeout_ms);
    quota_request_complete(question, false);
}

/* Outside of the lock: the asker runs on at once. */
static void answer(struct quota_request *question, const struct entry *entry)
{
    enum fake_answer kind = entry->answer;
    if (kind == FAKE_ROOM) {
        kind = question->size_bytes <= entry->room_bytes ? FAKE_FITS : FAKE_OVER;
    }
    if (kind == FAKE_SILENT) {
        int ms = question->request.timeout_ms;
        struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
        event_base_once(loop_base(question->client->loop), -1, EV_TIMEOUT, silence_ends,
                        question, &limit);
        return;
    }
    if (kind == FAKE_FAILS) {
        error_set(&question->request.error, ERROR_REMOTE, "%s", entry->text);
        quota_request_complete(question, false);
        return;
    }
    question->result = kind == FAKE_OVER ? QUOTA_OVER : QUOTA_FITS;
    if (kind == FAKE_OVER) {
        snprintf(question->text, sizeof question->text, "%s", entry->text);
    }
    quota_request_complete(question, true);
}

static void record(const struct quota_request *question)
{
    assert(fake.question_count < QUESTIONS);
    struct question *place = &fake.questions[fake.question_count++];
    snprintf(place->mailbox, sizeof place->mailbox, "%s", question->mailbox);
    place->bytes = question->size_bytes;
}

/* On the loop thread. */
static void question_start(struct request *request)
{
    struct quota_request *question = (struct quota_request *)request;
    pthread_mutex_lock(&fake.lock);
    record(question);
    question->next = fake.held;
    fake.held = question;
    struct quota_request *ready = NULL;
    if (++fake.held_count >= fake.hold_until) {
        ready = fake.held;
        fake.held = NULL;
        fake.held_count = 0;
    }
    pthread_mutex_unlock(&fake.lock);
    while (ready != NULL) {
        struct quota_request *next = ready->next;
        pthread_mutex_lock(&fake.lock);
        const struct entry *known = entry_find(ready->mailbox);
        struct entry entry = known != NULL ? *known : (struct entry){.answer = FAKE_FITS};
        pthread_mutex_unlock(&fake.lock);
        answer(ready, &entry);
        ready = next;
    }
}

void quota_request_init(struct quota_request *request, struct quota_client *client,
                        const char *mailbox, int64_t size_bytes)
{
    *request = (struct quota_request){
        .request = {.start = question_start, .timeout_ms = client->timeout_ms},
        .client = client,
        .mailbox = mailbox,
        .size_bytes = size_bytes,
    };
}

struct quota_client *quota_client_new(struct loop *loop,
                                      const struct quota_client_settings *settings,
                                      struct error *error)
{
    (void)error;
    struct quota_client *client = calloc(1, sizeof *client);
    assert(client != NULL);
    *client = (struct quota_client){.loop = loop, .timeout_ms = settings->timeout_ms};
    return client;
}

void quota_client_free(struct quota_client **client)
{
    free(*client);
    *client = NULL;
}

void quota_request_complete(struct quota_request *request, bool ok)
{
    if (request->done == NULL) {
        request_complete(&request->request, ok);
        return;
    }
    request->request.ok = ok;
    request->done(request);
}

const char *quota_result_name(enum quota_result result)
{
    return result == QUOTA_FITS ? "fits" : "over";
}
