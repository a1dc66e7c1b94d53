/* SPDX-License-Identifier: MIT */
/* Recipients, edits and a server's aliases as texts. */
#ifndef FOREGATE_TESTS_PLAN_FIXTURE_H
#define FOREGATE_TESTS_PLAN_FIXTURE_H

#include "base/text.h"
#include "mail/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PLAN_RECIPIENTS = 8 };

/* What a client typed, its parameters, and what it is to be replaced by: blank separated,
 * NULL: stays, "": dropped. A raw that begins with `!` was refused at RCPT. */
struct given {
    const char *raw;
    const char *params;
    const char *wanted;
};

struct plan_case {
    const char *name;
    const char
        *aliases; /* "key=target target;key=..."; without a key: itself; "!": unknown */
    struct given given[PLAN_RECIPIENTS];
    const char *added; /* by a rule, for nobody in particular */
    const char *edits; /* one a line */
    const char *error; /* NULL: possible */
};

static const struct address_rules plan_rules = {
    .myorigin = "mail.example.test",
    .delimiters = "+",
};

static inline const char **plan_words(struct arena *arena, const char *text, size_t *count)
{
    const char **words = arena_array(arena, strlen(text) + 2, sizeof *words);
    *count = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        words[(*count)++] = arena_copy_bytes(arena, text, length);
        text += length;
    }
    return words;
}

static inline bool plan_expand(void *context, struct arena *arena, const char *address,
                               const char ***addresses, size_t *count)
{
    const char *at = context;
    size_t length = strlen(address);
    while (at != NULL && *at != '\0') {
        const char *end = strchrnul(at, ';');
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (equals != NULL && (size_t)(equals - at) == length &&
            text_starts_folded(at, text_fold_copy(arena, address))) {
            const char *targets =
                arena_copy_bytes(arena, equals + 1, (size_t)(end - equals - 1));
            *addresses = plan_words(arena, targets, count);
            return strcmp(targets, "!") != 0;
        }
        at = *end != '\0' ? end + 1 : end;
    }
    *addresses = arena_array(arena, 1, sizeof **addresses);
    (*addresses)[0] = address;
    *count = 1;
    return true;
}

static inline struct recipient *plan_recipient(struct arena *arena,
                                               const struct given *given)
{
    struct recipient *recipient = arena_alloc(arena, sizeof *recipient);
    struct error error = {0};
    bool refused = given->raw[0] == '!';
    if (!address_parse(arena, given->raw + refused, &plan_rules, &recipient->address,
                       &error)) {
        fail_msg("%s: %s", given->raw, error.text);
    }
    size_t count;
    recipient->params =
        plan_words(arena, given->params != NULL ? given->params : "", &count);
    recipient->state = refused ? RECIPIENT_REFUSED : RECIPIENT_ACCEPTED;
    if (given->wanted != NULL) {
        recipient->replaced = true;
        recipient->replacement =
            plan_words(arena, given->wanted, &recipient->replacement_count);
    }
    return recipient;
}

static inline const char *plan_describe(struct arena *arena, const struct edit_list *list)
{
    static const char *const signs[] = {"del ", "add ", "+hdr ", "=hdr ", "-hdr ", "from "};
    const char *text = "";
    for (size_t i = 0; i < list->count; i++) {
        const struct edit *edit = &list->edits[i];
        text = arena_format(arena, "%s%s%s", text, i > 0 ? "\n" : "", signs[edit->kind]);
        text = arena_format(arena, "%s%s", text,
                            edit->address != NULL ? edit->address : edit->name);
        if (edit->orcpt != NULL) {
            text = arena_format(arena, "%s O=%s", text, edit->orcpt);
        }
        if (edit->notify != NULL) {
            text = arena_format(arena, "%s N=%s", text, edit->notify);
        }
        if (edit->index != 0) {
            text = arena_format(arena, "%s #%d", text, edit->index);
        }
        if (edit->value != NULL) {
            text = arena_format(arena, "%s: %s", text, edit->value);
        }
    }
    return text;
}

static inline bool plan_run(struct arena *arena, const struct plan_case *want,
                            struct edit_list *list, struct error *error)
{
    struct recipient *recipients[PLAN_RECIPIENTS];
    size_t count = 0;
    while (count < PLAN_RECIPIENTS && want->given[count].raw != NULL) {
        recipients[count] = plan_recipient(arena, &want->given[count]);
        count++;
    }
    struct plan plan = {0};
    size_t added_count;
    const char **added =
        plan_words(arena, want->added != NULL ? want->added : "", &added_count);
    for (size_t i = 0; i < added_count; i++) {
        plan_record_recipient(&plan, arena, added[i]);
    }

    union {
        const char *text;
        void *context;
    } aliases = {.text = want->aliases};

    const struct plan_expander expander = {.expand = plan_expand,
                                           .context = aliases.context};
    return plan_build(&plan, recipients, count, &expander, arena, list, error);
}

#endif
