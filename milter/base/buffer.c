/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
    buffer->size = FIRST_BYTES;
    buffer->data = malloc(buffer->size);
    if (buffer->data == NULL) {
        abort();
    }
    buffer->data[0] = '\0';
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length > buffer->maximum - buffer->length) {
        buffer->truncated = true;
        return false;
    }
    size_t needed = buffer->length + length + 1;
    if (needed > buffer->size) {
        size_t size = buffer->size * 2 > needed ? buffer->size * 2 : needed;
        char *data = realloc(buffer->data, size);
        if (data == NULL) {
            abort();
        }
        buffer->data = data;
        buffer->size = size;
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, bytes, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

bool buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        abort();
    }
    bool fits = buffer_append(buffer, text, (size_t)length);
    free(text);
    return fits;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->data[0] = '\0';
    buffer->truncated = false;
}
