/* SPDX-License-Identifier: MIT */
/* Encoded words, `=?charset?Q?text?=`, read as leniently as the most lenient mail program:
 * wherever they stand, with blanks in them, with language (RFC 2231 5), with characters
 * split over adjacent words. Source: RFC 2047. */
#ifndef FOREGATE_MAIL_ENCODED_WORD_H
#define FOREGATE_MAIL_ENCODED_WORD_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Opening one may take a tenth of a millisecond. */
enum { ENCODED_CHARSETS_MAX = 8, ENCODED_CHARSET_BYTES = 64 };

/* The charsets met so far, for the words of one header. Zeroed at first. */
struct encoded_words {
    struct {
        char name[ENCODED_CHARSET_BYTES];
        void *converter;
    } charsets[ENCODED_CHARSETS_MAX];

    size_t charset_count;
    bool exceeded; /* there were more: their words were left as they are */
};

/* The text as a mail program shows it, as unicode_clean has it. Words with an unknown
 * charset are read as UTF-8, those with nothing that is base64 stay as they are. Linear in
 * time; at most 16 times as long. */
const char *encoded_words_decode(struct encoded_words *words, struct arena *arena,
                                 const char *text);

/* Closes the charsets. */
void encoded_words_end(struct encoded_words *words);

#endif
