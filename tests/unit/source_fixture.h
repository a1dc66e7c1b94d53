/* SPDX-License-Identifier: MIT */
/* Sources one behind the other, with scripted ones in place of LDAP and the others, and a
 * clock that is moved by hand. */
#ifndef FOREGATE_TESTS_SOURCE_FIXTURE_H
#define FOREGATE_TESTS_SOURCE_FIXTURE_H

#include "directory/envelope.h"
#include "directory/ownership.h"
#include "sources/ask.h"
#include "sources/memory.h"

#include "base/clock.h"
#include "base/log.h"
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What each kind says now, by question; anything else is NOT_FOUND. */
struct line {
    enum question_kind question;
    const char *key;
    const char *value;
};

static struct {
    const struct line *lines;
    const char *failure; /* it says nothing else */
    int asked;
    int64_t slow_ms; /* that a failure takes */
    int timeout_ms;  /* of the last question */
    bool is_silent;  /* it fails and says nothing */
} script[SOURCE_KINDS];

bool ask_is_meant(enum source_kind kind, enum question_kind question)
{
    (void)kind;
    return question != QUESTION_PATTERN && question != QUESTION_LOCAL &&
           question != QUESTION_LIMIT;
}

struct answer ask_source(const struct source_settings *source,
                         const struct question *question, int timeout_ms,
                         struct arena *arena)
{
    script[source->kind].asked++;
    script[source->kind].timeout_ms = timeout_ms;
    if (script[source->kind].is_silent || script[source->kind].failure != NULL) {
        clock_advance(script[source->kind].slow_ms);
    }
    if (script[source->kind].is_silent) {
        return (struct answer){.kind = ANSWER_FAILED};
    }
    if (script[source->kind].failure != NULL) {
        return (struct answer){.kind = ANSWER_FAILED,
                               .reason = arena_copy(arena, script[source->kind].failure)};
    }
    for (const struct line *line = script[source->kind].lines;
         line != NULL && line->key != NULL; line++) {
        if (line->question == question->kind && strcmp(line->key, question->key) == 0) {
            return (struct answer){
                .kind = ANSWER_FOUND,
                .value = line->value,
                .source = source_kind_name(source->kind),
                .limit = question->kind == QUESTION_MAILBOX ? "7M" : NULL,
                .limit_counts = source->kind == SOURCE_DOVECOT,
            };
        }
    }
    return (struct answer){.kind = ANSWER_NOT_FOUND};
}

static const struct line ldap_lines[] = {
    {QUESTION_DOMAIN, "ldap.test", "ldap.test"},
    {QUESTION_MAILBOX, "ann@ldap.test", "ann@ldap.test"},
    {QUESTION_TABLE, "sales@ldap.test", "ann@ldap.test,carl@vol.test"},
    {QUESTION_TABLE, "late@al.test", "ann@ldap.test"},
    {QUESTION_TABLE, "pair@elsewhere.test", "ann@ldap.test,carl@vol.test"},
    {QUESTION_SENDER, "ann@ldap.test", "ann@ldap.test, ann"},
    {QUESTION_SENDER, "@all.test", "ann"},
    {0, NULL, NULL},
};

static const struct line dovecot_lines[] = {
    {QUESTION_MAILBOX, "dora@vol.test", "dora@vol.test"},
    {QUESTION_MAILBOX, "ann@ldap.test", "other@ldap.test"},
    /* Without their domain, and under another name. */
    {QUESTION_MAILBOX, "bea", "bea"},
    {QUESTION_MAILBOX, "carl", "carl"}, /* not the volume's carl@ */
    {QUESTION_MAILBOX, "bea@vol.test", "bea"},
    {QUESTION_MAILBOX, "old.dora@vol.test", "dora@vol.test"},
    {0, NULL, NULL},
};

struct stage {
    struct volume volume;
    struct snapshot *snapshot;
    struct sources *sources;
    struct source_memory memory;
    struct arena *arena;
    struct directory directory;
};

static struct stage *stage;

static inline void set_up(const struct source_settings *list, size_t count)
{
    struct error error = {0};
    memset(script, 0, sizeof script);
    script[SOURCE_LDAP].lines = ldap_lines;
    script[SOURCE_DOVECOT].lines = dovecot_lines;
    clock_stop(1000000);
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    stage = test_calloc(1, sizeof *stage);
    volume_begin(&stage->volume);
    volume_write(&stage->volume, "postfix-accounts.cf", "carl@vol.test|x\n");
    volume_write(&stage->volume, "postfix-virtual.cf",
                 "list@vol.test sales@ldap.test\n"
                 "info@vol.test bea@vol.test,old.dora@vol.test\n"
                 "tag@vol.test carl+tag@vol.test\n"
                 "away@vol.test late@al.test\n"
                 "only@al.test carl@vol.test\n"
                 "al.test anything\n");
    stage->snapshot = dms_load(&stage->volume.settings, NULL, &error);
    assert_non_null(stage->snapshot);
    stage->sources = sources_new(list, count);
    stage->arena = arena_new();
    stage->directory =
        source_memory_begin(&stage->memory, stage->sources, stage->snapshot, stage->arena);
}

static inline void tear_down(void)
{
    source_memory_end(&stage->memory);
    sources_free(&stage->sources);
    snapshot_release(&stage->snapshot);
    arena_free(&stage->arena);
    volume_end(&stage->volume);
    test_free(stage);
    clock_go();
}

static inline void next_message(void)
{
    stage->directory =
        source_memory_begin(&stage->memory, stage->sources, stage->snapshot, stage->arena);
}

static inline struct answer ask(enum question_kind kind, const char *key)
{
    const struct question question = {kind, key};
    return directory_answer(&stage->directory, &question, stage->arena);
}

static const struct source_settings dms = {.kind = SOURCE_DMS};

/* An hour of stale answers, ten seconds of fresh ones. */
static inline struct source_settings source(enum source_kind kind)
{
    return (struct source_settings){
        .kind = kind, .timeout_ms = 500, .cache_ms = 10000, .stale_ms = 3600000};
}

static inline const struct expansion *resolve(const char *text)
{
    struct address address;
    struct error error = {0};
    assert_true(
        address_parse(stage->arena, text, &stage->volume.settings.rules, &address, &error));
    return resolve_address(stage->arena, &address, &stage->directory);
}

static inline struct ownership owner(const char *login, const char *internal)
{
    const struct ownership_options options = {.nested = true, .group = true};
    struct address address;
    address_from_internal(stage->arena, internal, &stage->volume.settings.rules, &address);
    return ownership_find(stage->arena, login, &address, &stage->directory, &options);
}

#endif
