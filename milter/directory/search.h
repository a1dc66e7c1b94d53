/* SPDX-License-Identifier: MIT */
/* The keys under which Postfix looks for one address, in its order: with the detail,
 * without it, the bare local-part at this host, the whole domain. The first that has a
 * result wins. Source: global/mail_addr_find.c. */
#ifndef FOREGATE_DIRECTORY_SEARCH_H
#define FOREGATE_DIRECTORY_SEARCH_H

#include "base/arena.h"
#include "directory/resolve.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>

enum search_keys {
    SEARCH_ALIASES,       /* as cleanup(8) does when it expands */
    SEARCH_ALIASES_LOOSE, /* as smtpd(8) does at RCPT: unquoted forms of a key count as well
                           */
    SEARCH_ACCOUNTS,      /* as smtpd(8) does: whole address, then without detail */
    SEARCH_SENDERS,       /* as smtpd(8) does in sender login maps */
    SEARCH_LOCAL,         /* names of local aliases: with the detail, then without */
    SEARCH_DOMAIN,        /* is the domain one of aliases, or managed? */
};

/* LOCAL_PART is quoted where it must be, NAME never is. */
enum search_form { FORM_ADDRESS, FORM_LOCAL_PART, FORM_NAME, FORM_AT_DOMAIN, FORM_DOMAIN };

struct search_step {
    enum question_kind question;
    enum match_kind match;
    enum search_form form;
    bool without_detail;
    bool unquoted; /* internal form */
};

struct search {
    struct arena *arena;
    struct question question; /* its key is the search's until the next step */
    struct search_step steps[12];
    size_t count;
    size_t next;
    const char *internal; /* borrowed */
    const char *domain;   /* inside internal, or NULL */
    size_t local_length;
    size_t base_length;       /* equals local_length when there is no detail */
    const char *known_domain; /* of the search before, and what it was */
    bool known_local;
    bool plain;         /* all its keys are the same quoted and not */
    char *folded;       /* internal in small letters */
    char *buffer;       /* behind folded: for keys that are no part of it */
    size_t buffer_size; /* of both */
};

/* internal stays the caller's and must live as long as the search. */
void search_begin(struct search *search, enum search_keys keys, const char *internal,
                  const struct directory_settings *settings);

/* The question of the current step, or NULL when nothing is left to ask. */
const struct question *search_question(struct search *search);

/* The step that the current question belongs to. */
const struct search_step *search_step(const struct search *search);

/* Nothing found there: on to the next step. */
void search_advance(struct search *search);

#endif
