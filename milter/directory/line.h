/* SPDX-License-Identifier: MIT */
/* Lines of a text file, one in memory at a time: as they stand, or joined as Postfix does
 * it (comments and blank lines vanish, an indented line continues the one before). Source:
 * Postfix util/readlline.c. */
#ifndef FOREGATE_DIRECTORY_LINE_H
#define FOREGATE_DIRECTORY_LINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct line_reader {
    FILE *stream; /* borrowed */
    char *text;
    char *more;
    size_t text_size, more_size;
    int number;  /* of the physical line read last */
    bool failed; /* to read */
    bool holds_nul;
};

struct line {
    char *text; /* the reader's until the next line; may be changed; no line end */
    int number; /* where it begins, from 1 */
    int last;   /* where it ends */
    bool continued;
    bool orphan; /* indented, with nothing before that it could continue */
};

void line_reader_init(struct line_reader *reader, FILE *stream);
void line_reader_deinit(struct line_reader *reader);

/* The next physical line; false behind the last, or at a line that is no text. */
bool line_next(struct line_reader *reader, struct line *line);

/* The same without blank lines, comments and a CR at the end: lines as the scripts of
 * docker-mailserver see them. */
bool line_next_plain(struct line_reader *reader, struct line *line);

/* The next logical line, as Postfix sees it. */
bool line_next_logical(struct line_reader *reader, struct line *line);

/* Has the value of a table line a word that begins with `#`? It was meant for a comment,
 * and is none. */
bool line_has_comment(const char *value);

/* When there are no more lines: were they all? False for a NUL byte (its line is named) and
 * when reading failed. */
bool line_reader_end(const struct line_reader *reader, struct error *error);

#endif
