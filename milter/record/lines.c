/* SPDX-License-Identifier: MIT */
#include "record/lines.h"

#include <stdlib.h>

void record_lines_init(struct record_lines *lines, FILE *stream, size_t maximum)
{
    *lines = (struct record_lines){
        .stream = stream,
        .maximum = maximum,
        .text = malloc(maximum),
    };
    if (lines->text == NULL) {
        abort();
    }
}

void record_lines_deinit(struct record_lines *lines)
{
    free(lines->text);
    *lines = (struct record_lines){0};
}

bool record_lines_next(struct record_lines *lines)
{
    int c = getc_unlocked(lines->stream);
    if (c == EOF) {
        return false;
    }
    lines->number++;
    lines->length = 0;
    for (; c != EOF && c != '\n'; c = getc_unlocked(lines->stream)) {
        if (lines->length < lines->maximum) {
            lines->text[lines->length++] = (char)c;
        } else {
            lines->length = lines->maximum + 1;
        }
    }
    return true;
}
