/* SPDX-License-Identifier: MIT */
/* Lines on stderr, `level event key=value ...`: the service manager keeps time
 * and host. Values are cleaned of control characters and bounded, so that
 * nobody writes log lines through an address. One write(2) a line: lines of
 * several threads do not mix.
 *
 *     struct log_line line;
 *     log_begin(&line, LOG_INFO, "message");
 *     log_text(&line, "qid", queue_id);
 *     log_end(&line);
 */
#ifndef FOREGATE_BASE_LOG_H
#define FOREGATE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_NONE = -1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum { LOG_LINE_BYTES = 4096, LOG_VALUE_BYTES = 1024 };

struct log_line {
    char text[LOG_LINE_BYTES];
    size_t length;
    bool active; /* false: the level is switched off, all calls do nothing */
};

/* Once, before any thread but main exists. */
void log_configure(enum log_level level, enum log_format format);
bool log_is_active(enum log_level level);

/* The same: lines go there instead of stderr, from any thread; for tests of rules. */
void log_capture(void (*sink)(const struct log_line *line));

void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_text(struct log_line *line, const char *key,
              const char *value); /* NULL: left out */
void log_bytes(struct log_line *line, const char *key, const char *value, size_t length);
void log_number(struct log_line *line, const char *key, int64_t value);
void log_end(struct log_line *line);

/* One line with text=... only, for what is not about a message. */
void log_message(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *log_level_name(enum log_level level);
enum log_level log_level_find(const char *name); /* LOG_INFO for no name of a level */

#endif
