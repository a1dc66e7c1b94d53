/* SPDX-License-Identifier: MIT */
/* Text of a test as the stream that a parser reads. */
#ifndef FOREGATE_TESTS_TEXT_STREAM_H
#define FOREGATE_TESTS_TEXT_STREAM_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Bytes must live until fclose. */
static inline FILE *bytes_stream(const void *bytes, size_t length)
{
    static char nothing[1];
    FILE *stream = NULL;
    if (length == 0) {
        stream = fmemopen(nothing, 1, "r");
        fgetc(stream);
        return stream;
    }
    void *memory;
    memcpy(&memory, &bytes, sizeof memory); /* opened for reading only */
    stream = fmemopen(memory, length, "r");
    assert(stream != NULL);
    return stream;
}

static inline FILE *text_stream(const char *text)
{
    return bytes_stream(text, strlen(text));
}

#endif
