/* SPDX-License-Identifier: MIT */
/* Stored passwords as Dovecot writes them: `{SCHEME}data`, `{SCHEME.b64}data`,
 * `{SCHEME.hex}`. May take as long as the scheme was made to: no lock is to be held. Any
 * thread. */
#ifndef FOREGATE_AUTHSCRIPT_PASSWORD_H
#define FOREGATE_AUTHSCRIPT_PASSWORD_H

#include "base/error.h"

enum password_answer {
    PASSWORD_MATCH,
    PASSWORD_MISMATCH,
    PASSWORD_UNKNOWN_SCHEME,
    PASSWORD_UNUSABLE, /* the stored text is none of its scheme */
    PASSWORD_LIMIT,    /* not compared: it costs too much, or its turn did not come */
};

/* scheme: of a text that names none. wait_ms: for its turn, where many are compared at
 * once; to compare takes some seconds more at most. Neither password is in the error's
 * text. */
enum password_answer password_verify(const char *stored, const char *scheme,
                                     const char *plain, int wait_ms, struct error *error);

/* Whether the text could be verified at all: PASSWORD_MATCH says yes. */
enum password_answer password_check(const char *stored, const char *scheme,
                                    struct error *error);

#endif
