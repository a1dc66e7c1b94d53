/* SPDX-License-Identifier: MIT */
#include "command/message_file.h"

#include "base/buffer.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct message_file *file;
    struct buffer pending; /* a header with its continuation lines, LF between */
    int line;
    bool in_body;
};

static bool take_header(struct reader *reader, const char *path, struct error *error)
{
    char *text = reader->pending.data;
    if (reader->pending.length == 0) {
        return true;
    }
    char *colon = strchr(text, ':');
    if (colon == NULL) {
        return error_set(
            error, ERROR_CONFIG,
            "%s: the header that ends before line %d has no colon; an empty line "
            "separates header and body",
            path, reader->line);
    }
    *colon = '\0';
    const char *value = colon + 1;
    header_add(&reader->file->headers, reader->arena, text_trim(text),
               *value == ' ' ? value + 1 : value);
    buffer_clear(&reader->pending);
    return true;
}

static bool take_line(struct reader *reader, char *line, size_t length, const char *path,
                      struct error *error)
{
    reader->line++;
    if (length > 0 && line[length - 1] == '\n') {
        line[--length] = '\0';
    }
    if (length > 0 && line[length - 1] == '\r') {
        line[--length] = '\0';
    }
    if (reader->in_body) {
        reader->file->body_bytes += length + 2;
        return true;
    }
    bool continues = line[0] == ' ' || line[0] == '\t';
    if (!continues && !take_header(reader, path, error)) {
        return false;
    }
    reader->in_body = length == 0;
    if (continues) {
        buffer_append(&reader->pending, "\n", 1);
    }
    return buffer_append(&reader->pending, line, length) ||
           error_set(error, ERROR_CONFIG, "%s:%d: the header is too long", path,
                     reader->line);
}

struct message_file *message_file_read(struct arena *arena, const char *path,
                                       struct error *error)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        error_set(error, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct reader reader = {.arena = arena,
                            .file = arena_alloc(arena, sizeof *reader.file)};
    buffer_init(&reader.pending, HEADER_LIST_BYTES);
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool ok = true;
    while (ok && (length = getline(&line, &size, stream)) >= 0) {
        ok = take_line(&reader, line, (size_t)length, path, error);
    }
    ok = ok && take_header(&reader, path, error);
    if (ok && ferror(stream)) {
        ok = error_set(error, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    }
    free(line);
    fclose(stream);
    buffer_deinit(&reader.pending);
    return ok ? reader.file : NULL;
}
