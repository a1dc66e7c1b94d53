/* SPDX-License-Identifier: MIT */
/* Resolutions in a test, and what they come to as text. Behind cmocka.h's own includes. */
#ifndef FOREGATE_TESTS_RESOLVE_FIXTURE_H
#define FOREGATE_TESTS_RESOLVE_FIXTURE_H

#include "directory/resolve.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline const struct expansion *resolve_text(struct arena *arena, const char *typed,
                                                   const struct snapshot *snapshot,
                                                   const struct volume *volume)
{
    struct address address;
    struct error error = {0};
    assert_true(address_parse(arena, typed, &volume->settings.rules, &address, &error));
    return resolve_address(arena, &address, &(struct directory){.snapshot = snapshot});
}

/* `class mailbox address < via(match) < via(match) [note]` of every recipient. */
static inline const char *describe_paths(struct arena *arena,
                                         const struct expansion *expansion)
{
    const char *text = "";
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        text = arena_format(arena, "%s%s%s %s %s", text, i > 0 ? "; " : "",
                            recipient_class_name(recipient->class),
                            recipient->mailbox != NULL ? recipient->mailbox : "-",
                            recipient->address);
        for (size_t j = 0; j < recipient->via_count; j++) {
            text = arena_format(arena, "%s < %s(%s)", text, recipient->via[j].address,
                                match_kind_name(recipient->via[j].match));
        }
        if (recipient->note != NULL) {
            text = arena_format(arena, "%s [%s]", text, recipient->note);
        }
    }
    return text;
}

/* A source that fails at its n-th question, for each n: the outcome is an error, never a
 * wrong answer. Returns the number of questions. */
static inline size_t fail_each_question(const char *typed, const struct snapshot *snapshot,
                                        const struct volume *volume)
{
    size_t questions = SIZE_MAX;
    for (size_t failing = 0; failing < questions; failing++) {
        struct arena *arena = arena_new();
        struct address address;
        address_from_internal(arena, typed, &volume->settings.rules, &address);
        struct resolve *resolve = resolve_begin(arena, &address, &volume->settings);
        size_t asked = 0;
        for (const struct question *question; (question = resolve_next(resolve)) != NULL;) {
            struct answer answer = snapshot_answer(snapshot, question, arena);
            if (asked++ == failing) {
                answer = (struct answer){.kind = ANSWER_FAILED, .reason = "server is away"};
            }
            resolve_answer(resolve, &answer);
        }
        const struct expansion *expansion = resolve_result(resolve);
        if (asked <= failing) {
            questions = asked;
            assert_int_equal(expansion->status, EXPANSION_OK);
            assert_int_equal(expansion->recipient_count, 2);
        } else {
            assert_int_equal(expansion->status, EXPANSION_ERROR);
            assert_int_equal(expansion->fault, FAULT_TABLE);
            assert_string_equal(expansion->fault_reason, "server is away");
            assert_int_equal(expansion->recipient_count, 0);
        }
        arena_free(&arena);
    }
    return questions;
}

#endif
