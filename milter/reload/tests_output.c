/* SPDX-License-Identifier: MIT */
#include "reload/tests_output.h"

#include <stdio.h>
#include <string.h>

enum { RANK_FAILURE = 3 };

/* TAP: a test that failed tells most; then that there is an end to it; then whatever is no
 * result, for that is what the program itself says. */
static int rank_of(const char *line)
{
    static const char *const results[] = {"ok ", "TAP ", "1..", "#"};
    if (strncmp(line, "not ok", 6) == 0) {
        return RANK_FAILURE;
    }
    if (strncmp(line, "Bail out!", 9) == 0) {
        return 2;
    }
    bool tells = *line != '\0' && *line != ' ';
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        tells = tells && strncmp(line, results[i], strlen(results[i])) != 0;
    }
    return tells ? 1 : 0;
}

/* Behind the line of a test that failed stands why. */
static void add_reason(struct tests_output *heard)
{
    size_t used = strlen(heard->said);
    snprintf(heard->said + used, sizeof heard->said - used, ": %s", heard->line + 2);
}

void tests_output_end(struct tests_output *heard)
{
    heard->line[heard->length] = '\0';
    heard->length = 0;
    int rank = rank_of(heard->line);
    if (heard->wants_reason && strncmp(heard->line, "# ", 2) == 0) {
        add_reason(heard);
    } else if (rank > heard->rank) {
        heard->rank = rank;
        snprintf(heard->said, sizeof heard->said, "%s", heard->line);
        heard->wants_reason = rank == RANK_FAILURE;
        return;
    }
    heard->wants_reason = false;
}

void tests_output_hear(struct tests_output *heard, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            tests_output_end(heard);
        } else if (heard->length + 1 < sizeof heard->line) {
            heard->line[heard->length++] = text[i] != '\0' ? text[i] : '?';
        }
    }
}

bool tests_output_has_failure(const struct tests_output *heard)
{
    return heard->rank == RANK_FAILURE;
}
