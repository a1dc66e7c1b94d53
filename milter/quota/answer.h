/* SPDX-License-Identifier: MIT */
/* What quota-status answers: `name=value` lines up to an empty line. Only `action` counts,
 * and only a clear word is taken for a verdict: all else is "cannot tell". Sources: Dovecot
 * plugins/quota/quota-status.c (2.3, 2.4), Postfix SMTPD_POLICY_README, access(5). */
#ifndef FOREGATE_QUOTA_ANSWER_H
#define FOREGATE_QUOTA_ANSWER_H

#include "base/error.h"
#include "quota/client.h"

#include <stdbool.h>
#include <stddef.h>

/* A longer answer is no answer. */
enum { QUOTA_ANSWER_BYTES = 4096 };

enum quota_answer_state {
    QUOTA_ANSWER_PARTIAL, /* good so far, more must come */
    QUOTA_ANSWER_COMPLETE,
    QUOTA_ANSWER_BROKEN, /* never becomes an answer; error says why */
};

struct quota_answer {
    const char
        *action; /* the value, not terminated, lies in the bytes given; may be empty */
    size_t action_length;
    size_t length; /* of the whole answer; bytes behind it belong to no question */
};

/* Looks at all bytes that came since the question, at every call. */
enum quota_answer_state quota_answer_parse(const char *bytes, size_t length,
                                           struct quota_answer *answer,
                                           struct error *error);

/* What an action says. */
enum quota_meaning {
    QUOTA_MEANS_FITS,
    QUOTA_MEANS_OVER,
    QUOTA_MEANS_UNKNOWN_USER, /* quota_status_nouser; nothing about room */
    QUOTA_MEANS_EMPTY,        /* 2.4, too large, quota_status_toolarge not set */
    QUOTA_MEANS_LATER,        /* DEFER and 4xx */
    QUOTA_MEANS_UNCLEAR,
};

/* Without blanks at its ends. */
enum quota_meaning quota_action_meaning(const char *action);
const char *quota_meaning_name(enum quota_meaning meaning); /* "unknown-user" */

/* False, REMOTE: the action says nothing about room. text, of QUOTA_TEXT_BYTES, is then the
 * line that came, `action=` and all; of OVER it is the action, of FITS empty. It is cut
 * where it is too long. */
bool quota_answer_interpret(const struct quota_answer *answer, enum quota_result *result,
                            char *text, struct error *error);

const char *quota_answer_state_name(enum quota_answer_state state);

#endif
