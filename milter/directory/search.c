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

/* Bare keys serve addresses at this host. One address mostly leads to another of the same
 * domain. */
static bool is_local(struct search *search, const struct directory_settings *settings)
{
    const char *domain = search->domain;
    if (search->known_domain == NULL || !text_equal_folded(search->known_domain, domain)) {
        search->known_domain = domain;
        search->known_local = text_equal_folded(domain, settings->rules.myorigin) ||
                              local_has_domain(settings, domain);
    }
    return search->known_local;
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
    if (is_local(search, settings)) {
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

static void add_addresses(struct search *search, enum question_kind question)
{
    struct search_step step = {.question = question, .match = MATCH_EXACT};
    add_forms(search, step, false, true);
    if (search->base_length < search->local_length) {
        step.match = MATCH_BASE;
        step.without_detail = true;
        add_forms(search, step, false, true);
    }
}

static void add_senders(struct search *search)
{
    add_addresses(search, QUESTION_SENDER);
    if (search->domain != NULL) {
        add(search, (struct search_step){.question = QUESTION_SENDER,
                                         .match = MATCH_CATCH_ALL,
                                         .form = FORM_AT_DOMAIN});
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
    static const enum question_kind questions[] = {QUESTION_ALIAS_DOMAIN, QUESTION_PATTERN,
                                                   QUESTION_DOMAIN};

    for (size_t i = 0; search->domain != NULL && i < sizeof questions / sizeof *questions;
         i++) {
        add(search, (struct search_step){.question = questions[i], .form = FORM_DOMAIN});
    }
}

static void set_address(struct search *search, const char *internal, const char *delimiters)
{
    size_t length = strlen(internal);
    const char *at = memrchr(internal, '@', length);
    search->internal = internal;
    search->plain = address_is_plain(internal);
    search->local_length = at != NULL ? (size_t)(at - internal) : length;
    search->domain = at != NULL ? at + 1 : NULL;
    size_t needed = length + 1 + ADDRESS_QUOTED_BYTES(length);
    if (needed > search->buffer_size) {
        search->buffer_size = needed * 2;
        search->folded = arena_alloc(search->arena, search->buffer_size);
    }
    search->buffer = search->folded + length + 1;
    for (size_t i = 0; i <= length; i++) {
        search->folded[i] = text_fold_char(internal[i]);
    }
    memcpy(search->buffer, internal, search->local_length);
    search->buffer[search->local_length] = '\0';
    search->base_length = address_split(search->buffer, delimiters);
}

void search_begin(struct search *search, enum search_keys keys, const char *internal,
                  const struct directory_settings *settings)
{
    search->count = search->next = 0;
    set_address(search, internal, settings->rules.delimiters);
    switch (keys) {
    case SEARCH_ALIASES:
        add_aliases(search, false, settings);
        break;
    case SEARCH_ALIASES_LOOSE:
        add_aliases(search, true, settings);
        break;
    case SEARCH_ACCOUNTS:
        add_addresses(search, QUESTION_MAILBOX);
        break;
    case SEARCH_SENDERS:
        add_senders(search);
        break;
    case SEARCH_LOCAL:
        add_local(search);
        break;
    case SEARCH_DOMAIN:
        add_domain(search);
        break;
    }
}

/* NULL when the key is the same as that of a step before. */
static const char *write_address(struct search *search, const struct search_step *step)
{
    size_t length = step->without_detail ? search->base_length : search->local_length;
    const char *domain = step->form == FORM_ADDRESS ? search->domain : NULL;
    address_write_external(search->buffer, search->internal, length, domain);
    if (!step->unquoted) {
        return search->buffer;
    }
    bool differs = search->buffer[0] == '"';
    memcpy(search->buffer, search->internal, length);
    search->buffer[length] = '\0';
    if (domain != NULL) {
        search->buffer[length] = '@';
        memcpy(search->buffer + length + 1, domain, strlen(domain) + 1);
    }
    return differs ? search->buffer : NULL;
}

static const char *name_key(const struct search *search, const struct search_step *step)
{
    size_t length = step->without_detail ? search->base_length : search->local_length;
    assert(search->buffer != NULL && search->folded != NULL);
    memcpy(search->buffer, search->folded, length);
    search->buffer[length] = '\0';
    return search->buffer;
}

/* Tables know no case; patterns do, and are given the address as it was typed. */
static const char *address_key(struct search *search, const struct search_step *step)
{
    bool is_whole = step->form == FORM_ADDRESS && !step->without_detail;
    /* Without its detail even a plain address may need quotes: `name.+detail`. */
    if (search->plain && step->unquoted &&
        (is_whole || !step->without_detail ||
         search->internal[search->base_length - 1] != '.')) {
        return NULL;
    }
    if (search->plain && is_whole) {
        return step->question == QUESTION_PATTERN ? search->internal : search->folded;
    }
    const char *key = write_address(search, step);
    if (step->question != QUESTION_PATTERN) {
        text_fold(search->buffer);
    }
    return key;
}

static const char *make_key(struct search *search, const struct search_step *step)
{
    switch (step->form) {
    case FORM_DOMAIN:
        return search->folded + search->local_length + 1;
    case FORM_AT_DOMAIN:
        return search->folded + search->local_length;
    case FORM_NAME:
        return name_key(search, step);
    case FORM_ADDRESS:
    case FORM_LOCAL_PART:
        break;
    }
    return address_key(search, step);
}

const struct question *search_question(struct search *search)
{
    for (; search->next < search->count; search->next++) {
        const struct search_step *step = &search->steps[search->next];
        const char *key = make_key(search, step);
        if (key != NULL) {
            search->question = (struct question){.kind = step->question, .key = key};
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
