/* SPDX-License-Identifier: MIT */
/* What mail must know of Unicode: which characters nobody sees, which look like others,
 * which belong to a word. Input may be any bytes; output is UTF-8 (RFC 3629). Source: UAX
 * 15 (normalization forms), UAX 44 (properties), as libunistring has them. */
#ifndef FOREGATE_MAIL_UNICODE_H
#define FOREGATE_MAIL_UNICODE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNICODE_REPLACEMENT = 0xfffd };

bool unicode_is_ascii(const char *text, size_t length);

/* The same text as UTF-8 without control characters: these and line ends become blanks, a
 * byte that is no UTF-8 is read as ISO 8859-1, as it mostly is. At most three times as
 * long.
 */
char *unicode_clean(struct arena *arena, const void *bytes, size_t length);

/* What a reader makes of a clean text: characters nobody sees dropped, letters, `@` and
 * dots of other scripts' widths in their plain form, blanks of all kinds as ` `. */
char *unicode_flatten(struct arena *arena, const char *text);

/* Its characters in the order in which a right-to-left override shows them; NULL when
 * the text has none. */
char *unicode_reverse_overridden(struct arena *arena, const char *text);

/* NULL, or what is wrong with a character in an address (RFC 6532): no UTF-8, unseen, a
 * blank, or one that is a mere variant of another. */
const char *unicode_address_fault(const char *address);

enum unicode_class {
    UNICODE_WORD,   /* letters, marks, digits */
    UNICODE_SYMBOL, /* pictures, signs */
    UNICODE_OTHER   /* punctuation, blanks */
};

/* Of the character beyond ASCII at text, of valid UTF-8. */
enum unicode_class unicode_classify(const char *text, size_t length);

#endif
