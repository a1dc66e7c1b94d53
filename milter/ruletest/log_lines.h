/* SPDX-License-Identifier: MIT */
/* What is logged while a test runs, line by line, instead of going to stderr. The lines are
 * global, like the log: one test at a time. */
#ifndef FOREGATE_RULETEST_LOG_LINES_H
#define FOREGATE_RULETEST_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Once, before any thread but main exists: every level, `level event key=value`. */
void log_lines_begin(void);

void log_lines_clear(void);

/* Since then, without the end of line; each lives until clear. */
size_t log_lines_count(void);
const char *log_lines_get(size_t index);

/* Beyond some thousands, lines are lost. */
bool log_lines_is_full(void);

#endif
