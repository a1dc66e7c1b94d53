/* SPDX-License-Identifier: MIT */
/* The questions the resolver asks, and the three answers a source can give. "Not found"
 * and "cannot tell" are never the same value. The snapshot is the first source; sources
 * that must wait (LDAP, Dovecot's userdb, Lua scripts) answer the same questions. */
#ifndef FOREGATE_DIRECTORY_SOURCE_H
#define FOREGATE_DIRECTORY_SOURCE_H

#include <stdbool.h>

enum answer_kind { ANSWER_FOUND, ANSWER_NOT_FOUND, ANSWER_FAILED };

enum question_kind {
    QUESTION_DOMAIN,       /* is this domain ours? (value: unused) */
    QUESTION_ALIAS_DOMAIN, /* is this domain one of aliases only? (value: unused) */
    QUESTION_MAILBOX,      /* whose mailbox is this exact address? (value: the account) */
    QUESTION_TABLE,        /* which targets has this exact key? indexed tables only */
    QUESTION_PATTERN,      /* which targets has this whole address? pattern tables only */
    QUESTION_LOCAL,        /* which targets has this name at the host itself? aliases(5) */
    QUESTION_SENDER,       /* which logins may send as this exact address? */
    QUESTION_LIMIT, /* of this account's quota, as far as it is known without waiting */
};

/* Keys are in small letters, but for a pattern. */
struct question {
    enum question_kind kind;
    const char *key;
};

/* Strings live at least as long as the arena of the resolution. */
struct answer {
    enum answer_kind kind;
    const char *value; /* FOUND: table value, account, logins or limit, else NULL */
    int line; /* FOUND, and FAILED at one line: where in its file, 0 when it does not say */
    const char *reason; /* FAILED: why, for the log. Else: why that is in doubt, since a
                           source could not be asked now, or NULL */
    const char *source; /* FOUND: whose answer it is; NULL: a file of the volume */
    const char *limit;  /* FOUND, of a mailbox: its quota limit as written there, or NULL */
    bool limit_counts;  /* Dovecot has the same; else the limit is for reports only */
};

const char *answer_kind_name(enum answer_kind kind);

#endif
