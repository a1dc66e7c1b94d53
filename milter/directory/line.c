/* SPDX-License-Identifier: MIT */
#include "directory/line.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void line_reader_init(struct line_reader *reader, FILE *stream)
{
    *reader = (struct line_reader){.stream = stream};
}

void line_reader_deinit(struct line_reader *reader)
{
    free(reader->text);
    free(reader->more);
}

/* Reads one physical line into a buffer of the reader; SIZE_MAX when there is none. */
static size_t read_line(struct line_reader *reader, char **text, size_t *size)
{
    if (reader->failed || reader->holds_nul) {
        return SIZE_MAX;
    }
    ssize_t got = getline(text, size, reader->stream);
    if (got < 0) {
        reader->failed = !feof(reader->stream); /* no memory is no error of the stream */
        return SIZE_MAX;
    }
    reader->number++;
    size_t length = (size_t)got;
    if (strlen(*text) < length) {
        reader->holds_nul = true;
        return SIZE_MAX;
    }
    if (length > 0 && (*text)[length - 1] == '\n') {
        (*text)[--length] = '\0';
    }
    return length;
}

bool line_next(struct line_reader *reader, struct line *line)
{
    if (read_line(reader, &reader->text, &reader->text_size) == SIZE_MAX) {
        return false;
    }
    *line = (struct line){
        .text = reader->text, .number = reader->number, .last = reader->number};
    return true;
}

static bool is_nothing(const char *text)
{
    while (text_is_space(*text)) {
        text++;
    }
    return *text == '\0' || *text == '#';
}

bool line_next_plain(struct line_reader *reader, struct line *line)
{
    while (line_next(reader, line)) {
        size_t length = strlen(line->text);
        if (length > 0 && line->text[length - 1] == '\r') {
            line->text[length - 1] = '\0';
        }
        if (!is_nothing(line->text)) {
            return true;
        }
    }
    return false;
}

/* Blank lines and comments do not end a logical line, they vanish from it. */
static bool goes_on(const struct line_reader *reader)
{
    int next = getc_unlocked(reader->stream);
    if (next != EOF) {
        ungetc(next, reader->stream);
    }
    return next == '#' || (next != EOF && text_is_space((char)next));
}

static void append_line(struct line_reader *reader, size_t *used, size_t length)
{
    if (reader->text_size - *used <= length) {
        reader->text_size = (*used + length + 1) * 2;
        reader->text = realloc(reader->text, reader->text_size);
        if (reader->text == NULL) {
            abort();
        }
    }
    memcpy(reader->text + *used, reader->more, length + 1);
    *used += length;
}

bool line_next_logical(struct line_reader *reader, struct line *line)
{
    do {
        if (!line_next(reader, line)) {
            return false;
        }
    } while (is_nothing(line->text));
    line->orphan = text_is_space(line->text[0]);
    size_t used = strlen(reader->text);
    while (goes_on(reader)) {
        size_t length = read_line(reader, &reader->more, &reader->more_size);
        if (length == SIZE_MAX) {
            return false;
        }
        if (!is_nothing(reader->more)) {
            append_line(reader, &used, length);
            line->continued = true;
            line->last = reader->number;
        }
    }
    line->text = reader->text;
    return true;
}

bool line_has_comment(const char *value)
{
    for (const char *at = strchr(value, '#'); at != NULL; at = strchr(at + 1, '#')) {
        if (at == value || text_is_space(at[-1]) || at[-1] == ',') {
            return true;
        }
    }
    return false;
}

bool line_reader_end(const struct line_reader *reader, struct error *error)
{
    if (reader->failed || ferror(reader->stream)) {
        return error_set(error, ERROR_SYSTEM, "cannot be read");
    }
    return !reader->holds_nul ||
           error_set(error, ERROR_CONFIG,
                     "line %d holds a NUL byte; write the file as text", reader->number);
}
