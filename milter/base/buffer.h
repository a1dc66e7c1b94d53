/* SPDX-License-Identifier: MIT */
/* Growable bytes with a hard maximum. The content is always followed by a NUL
 * that is not counted. Beyond the maximum nothing is appended and the buffer
 * says so: a caller decides what a truncated text means. */
#ifndef FOREGATE_BASE_BUFFER_H
#define FOREGATE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* never NULL after init */
    size_t length;
    size_t size;
    size_t maximum;
    bool truncated; /* an append did not fit */
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_deinit(struct buffer *buffer);

/* False when it does not fit: then nothing of it is appended. */
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length);
bool buffer_append_text(struct buffer *buffer, const char *text);
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void buffer_clear(struct buffer *buffer);

#endif
