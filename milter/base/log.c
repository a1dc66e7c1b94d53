/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/counter.h"
#include "base/text.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set once at start, before other threads exist. */
static enum log_level configured_level = LOG_INFO;
static enum log_format configured_format = LOG_FORMAT_TEXT;
static void (*configured_sink)(const struct log_line *line);

/* Kept free for the end of the line: a quote, a brace, a newline. */
enum { TAIL_BYTES = 4 };

void log_configure(enum log_level level, enum log_format format)
{
    configured_level = level;
    configured_format = format;
}

void log_capture(void (*sink)(const struct log_line *line))
{
    configured_sink = sink;
}

bool log_is_active(enum log_level level)
{
    return level <= configured_level;
}

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_NONE:
        return "none";
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "invalid";
}

static size_t room(const struct log_line *line)
{
    size_t usable = sizeof line->text - TAIL_BYTES;
    return line->length < usable ? usable - line->length : 0;
}

static void put(struct log_line *line, const char *text, size_t length)
{
    if (length > room(line)) {
        length = room(line);
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_text(struct log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Control characters, the quote, the backslash and bytes that are no UTF-8
 * become escapes that both formats read alike. */
static void put_escaped(struct log_line *line, const char *text, size_t length)
{
    size_t bounded = length < LOG_VALUE_BYTES ? length : LOG_VALUE_BYTES;
    for (size_t i = 0; i < bounded;) {
        const unsigned char *at = (const unsigned char *)text + i;
        size_t step = text_utf8_length(text + i, length - i);
        char escaped[8];
        int escaped_length = 0;
        if (step == 1 && (*at == '"' || *at == '\\')) {
            escaped_length = snprintf(escaped, sizeof escaped, "\\%c", *at);
        } else if (step == 0 || (step == 1 && (*at < 0x20 || *at == 0x7f))) {
            escaped_length = snprintf(escaped, sizeof escaped, "\\u%04x", *at);
        } else if (step == 2 && at[0] == 0xc2 && at[1] < 0xa0) {
            /* C1: terminals obey these as well */
            escaped_length = snprintf(escaped, sizeof escaped, "\\u%04x", at[1]);
        }
        size_t needed = escaped_length > 0 ? (size_t)escaped_length : step;
        if (needed > room(line)) {
            return;
        }
        put(line, escaped_length > 0 ? escaped : (const char *)at, needed);
        i += step > 0 ? step : 1;
    }
    if (bounded < length) {
        put_text(line, "...");
    }
}

static bool needs_quotes(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c >= 0x7f) {
            return true;
        }
    }
    return length == 0;
}

enum log_level log_level_find(const char *name)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(log_level_name((enum log_level)i), name) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
    line->length = 0;
    line->active = log_is_active(level);
    if (!line->active) {
        return;
    }
    if (configured_format == LOG_FORMAT_JSON) {
        put_text(line, "{\"level\":\"");
        put_text(line, log_level_name(level));
        put_text(line, "\",\"event\":\"");
        put_escaped(line, event, strlen(event));
        put_text(line, "\"");
    } else {
        put_text(line, log_level_name(level));
        put_text(line, " ");
        put_escaped(line, event, strlen(event));
    }
}

/* Keys come from rules as well: whatever would end one becomes `_`. */
static void put_key(struct log_line *line, const char *key)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-";
    for (; *key != '\0'; key++) {
        put(line, strchr(allowed, *key) != NULL ? key : "_", 1);
    }
}

/* False when a value of value_bytes, its quotes counted, does not fit: the field is left
 * out whole. */
static bool begin_field(struct log_line *line, const char *key, size_t value_bytes)
{
    size_t overhead = 4;
    if (strlen(key) + overhead + value_bytes > room(line)) {
        return false;
    }
    bool json = configured_format == LOG_FORMAT_JSON;
    put_text(line, json ? ",\"" : " ");
    put_key(line, key);
    put_text(line, json ? "\":" : "=");
    return true;
}

void log_bytes(struct log_line *line, const char *key, const char *value, size_t length)
{
    /* A longer value is cut: this is room for the beginning of one. */
    if (!line->active || value == NULL || !begin_field(line, key, 4)) {
        return;
    }
    bool quoted = configured_format == LOG_FORMAT_JSON || needs_quotes(value, length);
    put_text(line, quoted ? "\"" : "");
    put_escaped(line, value, length);
    if (quoted) {
        /* Fits even into a full line: that is what TAIL_BYTES is for, and a
         * full line takes no further field. */
        line->text[line->length++] = '"';
    }
}

void log_text(struct log_line *line, const char *key, const char *value)
{
    log_bytes(line, key, value, value != NULL ? strlen(value) : 0);
}

void log_number(struct log_line *line, const char *key, int64_t value)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRId64, value);
    /* Half a number would be another number. */
    if (line->active && begin_field(line, key, (size_t)length)) {
        put(line, text, (size_t)length);
    }
}

/* Whoever reads the log may stop reading: mail must not wait for that. One line waits a
 * moment, those behind it are dropped and counted until there is room again. */
static void write_bounded(const struct log_line *line)
{
    /* Protects the order of look and write: a leaf, held for at most WAIT_MS. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool stalled;

    enum { WAIT_MS = 200 };

    pthread_mutex_lock(&lock);
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
    stalled = poll(&output, 1, stalled ? 0 : WAIT_MS) == 0;
    ssize_t written = stalled ? -1 : write(STDERR_FILENO, line->text, line->length);
    pthread_mutex_unlock(&lock);
    if (written < 0) {
        counter_add(COUNTER_LOG_LOST, 1);
    }
}

void log_end(struct log_line *line)
{
    if (!line->active) {
        return;
    }
    if (configured_format == LOG_FORMAT_JSON) {
        line->text[line->length++] = '}';
    }
    line->text[line->length++] = '\n';
    if (configured_sink != NULL) {
        configured_sink(line);
    } else {
        write_bounded(line);
    }
}

void log_message(enum log_level level, const char *event, const char *format, ...)
{
    if (!log_is_active(level)) {
        return;
    }
    char text[LOG_VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct log_line line;
    log_begin(&line, level, event);
    log_text(&line, "text", text);
    log_end(&line);
}
