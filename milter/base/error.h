/* SPDX-License-Identifier: MIT */
/* Why something failed, in a struct of the caller: nothing is allocated, any
 * thread may use it, and it works when memory is short. Errors are logged
 * once, where the decision about them is made. */
#ifndef FOREGATE_BASE_ERROR_H
#define FOREGATE_BASE_ERROR_H

#include <stdbool.h>

/* Kinds are chosen by what the caller does about them. */
enum error_kind {
    ERROR_NONE,
    ERROR_CONFIG,  /* refuse to start, or keep the last good state */
    ERROR_TIMEOUT, /* temporary: no answer in time */
    ERROR_REMOTE,  /* temporary: the other side failed or talks nonsense */
    ERROR_RULE,    /* the rule's on_error decides */
    ERROR_SYSTEM,  /* the operating system refused */
};

struct error {
    enum error_kind kind;
    char text[512];
};

/* Always returns false, so that a failing function can end with it. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what: " in front of the text. Always returns false. */
bool error_wrap(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *error_kind_name(enum error_kind kind);

#endif
