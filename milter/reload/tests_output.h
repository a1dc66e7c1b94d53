/* SPDX-License-Identifier: MIT */
/* Of all that `foregate test` prints (TAP, and its own errors), the one line that tells why
 * it does not pass. However much there is, no more is kept. */
#ifndef FOREGATE_RELOAD_TESTS_OUTPUT_H
#define FOREGATE_RELOAD_TESTS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum { TESTS_LINE_BYTES = 300 };

/* Zeroed: nothing yet. */
struct tests_output {
    char line[TESTS_LINE_BYTES]; /* being read; what does not fit is left out */
    size_t length;
    char said[2 * TESTS_LINE_BYTES]; /* the line that tells most, the first of such */
    int rank;                        /* how much that is; 0: no line tells anything */
    bool wants_reason;               /* the next line is to be added to it */
};

void tests_output_hear(struct tests_output *heard, const char *text, size_t length);

/* Behind the last byte: a line without an end counts. */
void tests_output_end(struct tests_output *heard);

/* It is the line of a test that failed. */
bool tests_output_has_failure(const struct tests_output *heard);

#endif
