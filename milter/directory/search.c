/* SPDX-License-Identifier: MIT */
#include "directory/search.h"

#include "base/text.h"
#include "directory/local.h"

#include <assert.h>
#include <string.h>

static void add(struct search *search, struct search_step step)
{
    assert(search->count < sizeof search->steps / sizeof search->steps[0]);
    search->steps[search->count++] = step;
}

/* A key in external form and, when loose, in internal form. Whether the two differ shows
 * when the key is made. */
static void add_forms(struct search *search, struct search_step step, bool with_patterns,
                      bool loose)
{
    for (int unquoted = 0; unquoted <= loose; unquoted++) {
        step.unquoted = unquoted != 0;
        add(search, step);
        if (with_patterns) {
            struct search_step pattern = step;
            pattern.question = QUESTION_PATTERN;
            pattern.match = MATCH_PATTERN;
            add(search, pattern);
        }
    }
}

static void add_aliases(struct search *search, bool loose,
                        const struct directory_settings *settings)
{
    bool has_detail = search->base_length < search->local_length;
    struct search_step step = {.question = QUESTION_TABLE, .match = MATCH_EXACT};
    add_forms(search, step, true, loose);
    if (has_detail) {
        step.match = MATCH_BASE;
        step.without_detail = true;
        add_forms(search, step, false, loose);
    }
    if (search->domain == NULL) {
        return;
    }
    if (text_equal_folded(search->domain, settings->rules.myorigin) ||
        local_has_domain(settings, search->domain)) {
        step = (struct search_step){
            .question = QUESTION_TABLE, .match = MATCH_BARE, .form = FORM_LOCAL_PART};
        add_forms(search, step, false, loose);
        if (has_detail) {
            step.match = MATCH_BASE;
            step.without_detail = true;
            add_forms(search, step, false, loose);
        }
    }
    add(search, (struct search_step){.question = QUESTION_TABLE,
                                     .match = MATCH_CATCH_ALL,
                                     .form = FORM_AT_DOMAIN});
}

static void add_accounts(struct search *search)
{
    struct search_step step = {.question = QUESTION_MAILBOX, .match = MATCH_EXACT};
    add_forms(search, step, false, true);
    if (search->base_length < search->local_length) {
        step.match = MATCH_BASE;
        step.without_detail = true;
        add_forms(search, step, false, true);
    }
}

static void add_local(struct search *search)
{
    struct search_step step = {
        .question = QUESTION_LOCAL, .match = MATCH_LOCAL, .form = FORM_NAME};
    add(search, step);
    if (search->base_length < search->local_length) {
        step.without_detail = true;
        add(search, step);
    }
}

static void add_domain(struct search *search)
{
    static const enum question_kind questions[] = {QUESTION_TABLE, QUESTION_PATTERN,
                                                   QUESTION_DOMAIN};

    for (size_t i = 0; search->domain != NULL && i < sizeof questions / sizeof *questions;
         i++) {
        add(search, (struct search_step){.question = questions[i], .form = FORM_DOMAIN});
    }
}

void search_begin(struct search *search, enum search_keys keys, const char *internal,
                  const struct directory_settings *settings)
{
    const char *at = strrchr(internal, '@');
    search->count = search->next = 0;
    search->internal = internal;
    search->local_length = at != NULL ? (size_t)(at - internal) : strlen(internal);
    search->domain = at != NULL ? at + 1 : NULL;
    size_t needed = ADDRESS_QUOTED_BYTES(strlen(internal));
    if (needed > search->buffer_size) {
        search->buffer_size = needed * 2;
        search->buffer = arena_alloc(search->arena, search->buffer_size);
    }
    memcpy(search->buffer, internal, search->local_length);
    search->buffer[search->local_length] = '\0';
    search->base_length = address_split(search->buffer, settings->rules.delimiters);
    switch (keys) {
    case SEARCH_ALIASES:
        add_aliases(search, false, settings);
        break;
    case SEARCH_ALIASES_LOOSE:
        add_aliases(search, true, settings);
        break;
    case SEARCH_ACCOUNTS:
        add_accounts(search);
        break;
    case SEARCH_LOCAL:
        add_local(search);
        break;
    case SEARCH_DOMAIN:
        add_domain(search);
        break;
    }
}

/* False when the key is the same as that of a step before. */
static bool write_address(struct search *search, const struct search_step *step)
{
    size_t length = step->without_detail ? search->base_length : search->local_length;
    const char *domain = step->form == FORM_ADDRESS ? search->domain : NULL;
    address_write_external(search->buffer, search->internal, length, domain);
    if (!step->unquoted) {
        return true;
    }
    bool differs = search->buffer[0] == '"';
    memcpy(search->buffer, search->internal, length);
    search->buffer[length] = '\0';
    if (domain != NULL) {
        search->buffer[length] = '@';
        memcpy(search->buffer + length + 1, domain, strlen(domain) + 1);
    }
    return differs;
}

static bool write_key(struct search *search, const struct search_step *step)
{
    bool is_new = true;
    if (step->form == FORM_DOMAIN) {
        memcpy(search->buffer, search->domain, strlen(search->domain) + 1);
    } else if (step->form == FORM_NAME) {
        size_t length = step->without_detail ? search->base_length : search->local_length;
        memcpy(search->buffer, search->internal, length);
        search->buffer[length] = '\0';
    } else if (step->form == FORM_AT_DOMAIN) {
        search->buffer[0] = '@';
        memcpy(search->buffer + 1, search->domain, strlen(search->domain) + 1);
    } else {
        is_new = write_address(search, step);
    }
    /* Tables know no case; patterns do, and are given the address as it was typed. */
    if (step->question != QUESTION_PATTERN || step->form == FORM_DOMAIN) {
        text_fold(search->buffer);
    }
    return is_new;
}

const struct question *search_question(struct search *search)
{
    for (; search->next < search->count; search->next++) {
        const struct search_step *step = &search->steps[search->next];
        if (write_key(search, step)) {
            search->question =
                (struct question){.kind = step->question, .key = search->buffer};
            return &search->question;
        }
    }
    return NULL;
}

const struct search_step *search_step(const struct search *search)
{
    return &search->steps[search->next];
}

void search_advance(struct search *search)
{
    search->next++;
}
