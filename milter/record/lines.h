/* SPDX-License-Identifier: MIT */
/* Lines of a file of records of any size, one at a time in bounded memory. */
#ifndef FOREGATE_RECORD_LINES_H
#define FOREGATE_RECORD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct record_lines {
    FILE *stream;
    size_t maximum; /* of one line */
    char *text;     /* without its end; valid until the next call */
    size_t length;  /* above maximum: the line is longer, and only its begin is here */
    int number;     /* from 1 */
};

/* stream is borrowed. */
void record_lines_init(struct record_lines *lines, FILE *stream, size_t maximum);
void record_lines_deinit(struct record_lines *lines);

/* False: there is no further line; ferror(stream) tells whether that is the end. */
bool record_lines_next(struct record_lines *lines);

#endif
