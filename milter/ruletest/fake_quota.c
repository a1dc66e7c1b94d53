/* SPDX-License-Identifier: MIT */
#include "ruletest/fake_quota.h"

#include "ruletest/fake.h"

#include "base/arena.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>

struct entry {
    const char *mailbox;
    enum fake_quota_kind kind;
    const char *text;
    int64_t room_bytes;
};

struct asked {
    const char *mailbox;
    int64_t bytes;
};

struct fake_quota {
    struct fake fake;
    struct entry *entries;
    size_t entry_count, entry_size;
    struct asked *questions;
    size_t question_count, question_size;
};

struct fake_quota *fake_quota_new(struct silence *silence)
{
    return fake_new(sizeof(struct fake_quota), silence);
}

void fake_quota_free(struct fake_quota **fake)
{
    fake_free((struct fake *)*fake);
    *fake = NULL;
}

static struct entry *entry_find(const struct fake_quota *fake, const char *mailbox)
{
    for (size_t i = 0; i < fake->entry_count; i++) {
        if (text_equal_folded(fake->entries[i].mailbox, mailbox)) {
            return &fake->entries[i];
        }
    }
    return NULL;
}

void fake_quota_answer(struct fake_quota *fake, const char *mailbox,
                       enum fake_quota_kind kind, const char *text, int64_t room_bytes)
{
    pthread_mutex_lock(&fake->fake.lock);
    struct entry *entry = entry_find(fake, mailbox);
    if (entry == NULL) {
        fake->entries = arena_grow(fake->fake.arena, fake->entries, fake->entry_count,
                                   &fake->entry_size, sizeof *entry);
        entry = &fake->entries[fake->entry_count++];
        entry->mailbox = arena_copy(fake->fake.arena, mailbox);
    }
    entry->kind = kind;
    entry->room_bytes = room_bytes;
    entry->text = arena_copy(fake->fake.arena, text);
    pthread_mutex_unlock(&fake->fake.lock);
}

size_t fake_quota_count(struct fake_quota *fake)
{
    pthread_mutex_lock(&fake->fake.lock);
    size_t count = fake->question_count;
    pthread_mutex_unlock(&fake->fake.lock);
    return count;
}

void fake_quota_asked(struct fake_quota *fake, size_t index, const char **mailbox,
                      int64_t *bytes)
{
    pthread_mutex_lock(&fake->fake.lock);
    assert(index < fake->question_count);
    *mailbox = fake->questions[index].mailbox;
    *bytes = fake->questions[index].bytes;
    pthread_mutex_unlock(&fake->fake.lock);
}

static void silence_ends(struct request *request)
{
    error_set(&request->error, ERROR_TIMEOUT, "no answer within %d ms",
              request->timeout_ms);
    quota_request_complete((struct quota_request *)request, false);
}

/* Outside of the lock: the asker runs on at once. */
static void answer(const struct fake_quota *fake, struct quota_request *question,
                   const struct entry *entry)
{
    enum fake_quota_kind kind = entry->kind;
    if (kind == FAKE_QUOTA_ROOM) {
        kind =
            question->size_bytes <= entry->room_bytes ? FAKE_QUOTA_FITS : FAKE_QUOTA_OVER;
    }
    if (kind == FAKE_QUOTA_SILENT) {
        silence_keep(fake->fake.silence, &question->request, silence_ends);
        return;
    }
    if (kind == FAKE_QUOTA_FAILS) {
        error_set(&question->request.error, ERROR_REMOTE, "%s", entry->text);
        quota_request_complete(question, false);
        return;
    }
    question->result = kind == FAKE_QUOTA_OVER ? QUOTA_OVER : QUOTA_FITS;
    if (kind == FAKE_QUOTA_OVER) {
        snprintf(question->text, sizeof question->text, "%s", entry->text);
    }
    quota_request_complete(question, true);
}

void fake_quota_ask(void *argument, struct quota_request *question)
{
    struct fake_quota *fake = argument;
    pthread_mutex_lock(&fake->fake.lock);
    fake->questions = arena_grow(fake->fake.arena, fake->questions, fake->question_count,
                                 &fake->question_size, sizeof *fake->questions);
    fake->questions[fake->question_count++] =
        (struct asked){.mailbox = arena_copy(fake->fake.arena, question->mailbox),
                       .bytes = question->size_bytes};
    const struct entry *known = entry_find(fake, question->mailbox);
    const struct entry entry =
        known != NULL ? *known : (struct entry){.kind = FAKE_QUOTA_FITS};
    pthread_mutex_unlock(&fake->fake.lock);
    answer(fake, question, &entry);
}
