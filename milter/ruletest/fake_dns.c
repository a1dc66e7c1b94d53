/* SPDX-License-Identifier: MIT */
#include "ruletest/fake_dns.h"

#include "ruletest/fake.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

struct entry {
    struct entry *next;
    enum dns_type type;
    char name[DNS_NAME_LENGTH + 1];
    enum fake_dns_kind kind;
    struct dns_answer answer;
    const char *reason;
};

struct fake_dns {
    struct fake fake;
    struct entry *entries;
    const char **questions;
    size_t question_count, question_size;
};

struct fake_dns *fake_dns_new(struct silence *silence)
{
    return fake_new(sizeof(struct fake_dns), silence);
}

void fake_dns_free(struct fake_dns **fake)
{
    fake_free((struct fake *)*fake);
    *fake = NULL;
}

static struct entry *entry_find(const struct fake_dns *fake, enum dns_type type,
                                const char *name)
{
    struct entry *entry = fake->entries;
    while (entry != NULL &&
           (entry->type != type || !text_equal_folded(entry->name, name))) {
        entry = entry->next;
    }
    return entry;
}

/* Sorted, as struct dns_answer wants it. */
static struct dns_answer answer_copy(struct arena *arena, const struct dns_answer *from)
{
    struct dns_answer copy = {.count = from->count};
    copy.records = arena_array(arena, from->count + 1, sizeof *copy.records);
    for (size_t i = 0; i < from->count; i++) {
        const struct dns_record *record = &from->records[i];
        size_t place = i;
        for (; place > 0 && copy.records[place - 1].preference > record->preference;
             place--) {
            copy.records[place] = copy.records[place - 1];
        }
        copy.records[place] = *record;
        copy.records[place].bytes = arena_copy_bytes(arena, record->bytes, record->length);
    }
    return copy;
}

bool fake_dns_answer(struct fake_dns *fake, const struct dns_question *question,
                     enum fake_dns_kind kind, const struct dns_answer *answer,
                     const char *reason, struct error *error)
{
    char name[DNS_NAME_LENGTH + 1];
    if (!dns_question_name(question, name, error)) {
        return false;
    }
    pthread_mutex_lock(&fake->fake.lock);
    struct entry *entry = entry_find(fake, question->type, name);
    if (entry == NULL) {
        entry = arena_alloc(fake->fake.arena, sizeof *entry);
        *entry = (struct entry){.next = fake->entries, .type = question->type};
        memcpy(entry->name, name, sizeof name);
        fake->entries = entry;
    }
    entry->kind = kind;
    entry->answer = (struct dns_answer){0};
    if (kind == FAKE_DNS_RECORDS) {
        entry->answer = answer_copy(fake->fake.arena, answer);
    }
    entry->reason = arena_copy(fake->fake.arena, reason);
    pthread_mutex_unlock(&fake->fake.lock);
    return true;
}

size_t fake_dns_count(struct fake_dns *fake)
{
    pthread_mutex_lock(&fake->fake.lock);
    size_t count = fake->question_count;
    pthread_mutex_unlock(&fake->fake.lock);
    return count;
}

const char *fake_dns_asked(struct fake_dns *fake, size_t index)
{
    pthread_mutex_lock(&fake->fake.lock);
    assert(index < fake->question_count);
    const char *text = fake->questions[index];
    pthread_mutex_unlock(&fake->fake.lock);
    return text;
}

static void record(struct fake_dns *fake, const struct dns_request *request)
{
    fake->questions = arena_grow(fake->fake.arena, fake->questions, fake->question_count,
                                 &fake->question_size, sizeof *fake->questions);
    fake->questions[fake->question_count++] = arena_format(
        fake->fake.arena, "%s %s", dns_type_name(request->type), request->name);
}

static void silence_ends(struct request *request)
{
    dns_request_time_out((struct dns_request *)request);
}

void fake_dns_ask(void *argument, struct dns_request *request)
{
    struct fake_dns *fake = argument;
    pthread_mutex_lock(&fake->fake.lock);
    record(fake, request);
    const struct entry *known = entry_find(fake, request->type, request->name);
    const struct entry entry = known != NULL ? *known : (struct entry){0};
    pthread_mutex_unlock(&fake->fake.lock);
    /* Outside of the lock: whoever waits runs on at once. */
    switch (entry.kind) {
    case FAKE_DNS_RECORDS:
        request->answer = answer_copy(request->arena, &entry.answer);
        request_complete(&request->request, true);
        return;
    case FAKE_DNS_FAILS:
        dns_request_fail(request, entry.reason);
        return;
    case FAKE_DNS_SILENT:
        silence_keep(fake->fake.silence, &request->request, silence_ends);
        return;
    }
}
