/* SPDX-License-Identifier: MIT */
/* Text as mail compares it: ASCII letters without case, nothing else folded
 * (no locale, no Unicode folding), as Postfix does with smtputf8 off. */
#ifndef FOREGATE_BASE_TEXT_H
#define FOREGATE_BASE_TEXT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

static inline char text_fold_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void text_fold(char *text);
char *text_fold_copy(struct arena *arena, const char *text);
bool text_has_upper(const char *text);
int text_compare_folded(const char *left, const char *right); /* like strcmp */
bool text_equal_folded(const char *left, const char *right);
bool text_starts_folded(const char *text, const char *prefix);

/* Blank, tab, CR, LF, VT, FF: what Postfix tables call white space. */
static inline bool text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts white space at both ends in place; the result lies inside text. */
char *text_trim(char *text);

/* The next word of a list, white space or commas between them, without a copy; moves
 * *cursor behind it. False at the end. */
bool text_next_word(const char **cursor, const char **word, size_t *length);

/* Length of the valid UTF-8 sequence at text (RFC 3629), or 0. length is at least 1. */
size_t text_utf8_length(const char *text, size_t length);

/* A control character, as one valid UTF-8 sequence: C0, DEL, and C1, which terminals obey
 * as well. */
bool text_is_control(const char *sequence, size_t length);

/* For messages to people: a copy with control characters and bytes that are no UTF-8 as
 * `?`, cut at about maximum bytes. */
char *text_printable(struct arena *arena, const char *text, size_t maximum);

#endif
