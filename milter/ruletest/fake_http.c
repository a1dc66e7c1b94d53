/* SPDX-License-Identifier: MIT */
#include "ruletest/fake_http.h"

#include "ruletest/fake.h"

#include <assert.h>
#include <string.h>

struct entry {
    struct entry *next;
    const char *url;
    enum fake_http_kind kind;
    struct http_answer answer;
    const char *reason;
};

struct fake_http {
    struct fake fake;
    struct entry *entries;
    struct http_question **questions;
    size_t question_count, question_size;
};

struct fake_http *fake_http_new(struct silence *silence)
{
    return fake_new(sizeof(struct fake_http), silence);
}

void fake_http_free(struct fake_http **fake)
{
    fake_free((struct fake *)*fake);
    *fake = NULL;
}

/* method: NULL where url has it in front, or is of any. */
static struct entry *entry_find(const struct fake_http *fake, const char *method,
                                const char *url)
{
    size_t length = method != NULL ? strlen(method) : 0;
    struct entry *entry = fake->entries;
    for (; entry != NULL; entry = entry->next) {
        const char *at = entry->url;
        if (method != NULL) {
            if (strncmp(at, method, length) != 0 || at[length] != ' ') {
                continue;
            }
            at += length + 1;
        }
        if (strcmp(at, url) == 0) {
            break;
        }
    }
    return entry;
}

static struct http_answer answer_copy(struct arena *arena, const struct http_answer *from)
{
    struct http_answer copy = *from;
    copy.body = arena_copy_bytes(arena, from->body, from->body_length);
    struct http_header *headers =
        arena_array(arena, from->header_count + 1, sizeof *headers);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i] = from->headers[i];
        headers[i].name = arena_copy_bytes(arena, headers[i].name, headers[i].name_length);
        headers[i].value =
            arena_copy_bytes(arena, headers[i].value, headers[i].value_length);
    }
    copy.headers = headers;
    return copy;
}

void fake_http_answer(struct fake_http *fake, const char *url, enum fake_http_kind kind,
                      const struct http_answer *answer, const char *reason)
{
    pthread_mutex_lock(&fake->fake.lock);
    struct entry *entry = entry_find(fake, NULL, url);
    if (entry == NULL) {
        entry = arena_alloc(fake->fake.arena, sizeof *entry);
        *entry =
            (struct entry){.next = fake->entries, .url = arena_copy(fake->fake.arena, url)};
        fake->entries = entry;
    }
    entry->kind = kind;
    entry->answer = (struct http_answer){0};
    if (kind == FAKE_HTTP_ANSWER) {
        entry->answer = answer_copy(fake->fake.arena, answer);
    }
    entry->reason = arena_copy(fake->fake.arena, reason);
    pthread_mutex_unlock(&fake->fake.lock);
}

size_t fake_http_count(struct fake_http *fake)
{
    pthread_mutex_lock(&fake->fake.lock);
    size_t count = fake->question_count;
    pthread_mutex_unlock(&fake->fake.lock);
    return count;
}

const struct http_question *fake_http_asked(struct fake_http *fake, size_t index)
{
    pthread_mutex_lock(&fake->fake.lock);
    assert(index < fake->question_count);
    const struct http_question *question = fake->questions[index];
    pthread_mutex_unlock(&fake->fake.lock);
    return question;
}

static void record(struct fake_http *fake, const struct http_question *question)
{
    fake->questions = arena_grow(fake->fake.arena, fake->questions, fake->question_count,
                                 &fake->question_size, sizeof(void *));
    struct http_question *copy = arena_alloc(fake->fake.arena, sizeof *copy);
    *copy = http_question_copy(fake->fake.arena, question);
    fake->questions[fake->question_count++] = copy;
}

static void silence_ends(struct request *request)
{
    http_request_time_out((struct http_request *)request);
}

static void answer(struct http_request *request, const struct http_answer *from)
{
    if (from->body_length > request->max_body) {
        http_request_fail(request,
                          arena_format(request->arena, "the body is longer than %zu bytes",
                                       request->max_body));
        return;
    }
    request->answer = answer_copy(request->arena, from);
    request_complete(&request->request, true);
}

void fake_http_ask(void *argument, struct http_request *request)
{
    struct fake_http *fake = argument;
    const struct http_question *question = &request->question;
    pthread_mutex_lock(&fake->fake.lock);
    record(fake, question);
    const struct entry *known = entry_find(fake, question->method, question->url);
    known = known != NULL ? known : entry_find(fake, NULL, question->url);
    const struct entry entry =
        known != NULL
            ? *known
            : (struct entry){.kind = FAKE_HTTP_FAILS,
                             .reason = "nobody is there: the test gives no answer"};
    pthread_mutex_unlock(&fake->fake.lock);
    /* Outside of the lock: whoever waits runs on at once. */
    switch (entry.kind) {
    case FAKE_HTTP_ANSWER:
        answer(request, &entry.answer);
        return;
    case FAKE_HTTP_FAILS:
        http_request_fail(request, entry.reason);
        return;
    case FAKE_HTTP_SILENT:
        silence_keep(fake->fake.silence, &request->request, silence_ends);
        return;
    }
}
