/* SPDX-License-Identifier: MIT */
/* Words and signs of a structured header body (RFC 5322 3.2), cut without a doubt: what two
 * programs might cut differently is an error. Comments are collected beside. Private to the
 * parsers of such headers. */
#ifndef FOREGATE_MAIL_HEADER_WORD_H
#define FOREGATE_MAIL_HEADER_WORD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

enum word_kind {
    WORD_ATOM,
    WORD_QUOTED,
    WORD_LITERAL, /* with its brackets */
    WORD_SPECIAL, /* one of <>@,;:. */
    WORD_END
};

struct word {
    enum word_kind kind;
    char special;
    const char *text; /* unquoted; "" for WORD_SPECIAL and WORD_END */
    const char *place;
};

struct header_words {
    struct arena *arena;
    struct error *error;
    const char *body; /* without folds and control characters */
    const char *next; /* behind the current word */
    struct word word;
    bool has_comments;
    struct buffer comments; /* text of those passed, with blanks between; to be cleared */
};

/* error and arena are borrowed. False: control characters, or a line end without a fold.
 * Ended in any case. */
bool header_words_begin(struct header_words *words, struct arena *arena, const char *body,
                        struct error *error);
void header_words_end(struct header_words *words);

/* Takes the next word. */
bool header_words_next(struct header_words *words);

/* Sets the error: what is at place. Always returns false. */
bool header_words_complain(const struct header_words *words, const char *place,
                           const char *what);

static inline bool header_words_at(const struct header_words *words, char special)
{
    return words->word.kind == WORD_SPECIAL && words->word.special == special;
}

#endif
