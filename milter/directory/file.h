/* SPDX-License-Identifier: MIT */
/* A whole text file of the operator, read at once: what is parsed is one state of the file,
 * as far as size and time of change can tell. */
#ifndef FOREGATE_DIRECTORY_FILE_H
#define FOREGATE_DIRECTORY_FILE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { FILE_BYTES_MAX = 64 << 20 };

struct file {
    char *content; /* in the arena, NUL behind it; "" when missing */
    size_t length;
    bool missing;
};

/* A missing file is no failure. Fails, with a remedy but without the file's name, for what
 * is unreadable, no regular file, larger than FILE_BYTES_MAX, or changing all the time. */
bool file_read(struct arena *arena, const char *path, struct file *file,
               struct error *error);

/* The same, and fails for a file that holds a NUL byte. */
bool file_read_text(struct arena *arena, const char *path, struct file *file,
                    struct error *error);

#endif
