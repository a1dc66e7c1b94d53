/* SPDX-License-Identifier: MIT */
#include "directory/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 5 };

enum outcome { READ, CHANGED, READ_FAILED };

/* Until the end of the file or of the space; SIZE_MAX when the system fails. */
static size_t read_all(int descriptor, char *content, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(descriptor, content + length, size - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return SIZE_MAX;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    return length;
}

static bool same_state(const struct stat *left, const struct stat *right)
{
    return left->st_size == right->st_size &&
           left->st_mtim.tv_sec == right->st_mtim.tv_sec &&
           left->st_mtim.tv_nsec == right->st_mtim.tv_nsec;
}

static enum outcome read_open(struct arena *arena, int descriptor, struct file *file,
                              struct error *error)
{
    struct stat before;
    struct stat after;
    if (fstat(descriptor, &before) != 0) {
        error_set(error, ERROR_SYSTEM, "%s", strerror(errno));
        return READ_FAILED;
    }
    if (!S_ISREG(before.st_mode)) {
        error_set(error, ERROR_CONFIG,
                  "is not a regular file; put a text file in its place");
        return READ_FAILED;
    }
    if (before.st_size > FILE_BYTES_MAX) {
        error_set(error, ERROR_CONFIG, "is larger than %d MiB; is it the right file?",
                  FILE_BYTES_MAX >> 20);
        return READ_FAILED;
    }
    size_t size = (size_t)before.st_size;
    file->content = arena_alloc(arena, size + 1);
    file->length = read_all(descriptor, file->content, size);
    if (file->length == SIZE_MAX || fstat(descriptor, &after) != 0) {
        error_set(error, ERROR_SYSTEM, "cannot be read (%s)", strerror(errno));
        return READ_FAILED;
    }
    return file->length == size && same_state(&before, &after) ? READ : CHANGED;
}

bool file_read(struct arena *arena, const char *path, struct file *file,
               struct error *error)
{
    enum outcome outcome = CHANGED;
    for (int attempt = 0; attempt < ATTEMPTS && outcome == CHANGED; attempt++) {
        *file = (struct file){.content = arena_copy(arena, "")};
        /* Not blocking, so that a FIFO in the file's place does not stop us here. */
        int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (descriptor < 0 && errno == ENOENT) {
            file->missing = true;
            return true;
        }
        if (descriptor < 0) {
            return error_set(
                error, ERROR_CONFIG,
                "%s cannot be opened (%s); make it readable for Foregate's user", path,
                strerror(errno));
        }
        outcome = read_open(arena, descriptor, file, error);
        close(descriptor);
    }
    if (outcome == CHANGED) {
        return error_set(error, ERROR_SYSTEM,
                         "changes while it is read; write it aside and rename it");
    }
    return outcome == READ;
}

bool file_read_text(struct arena *arena, const char *path, struct file *file,
                    struct error *error)
{
    if (!file_read(arena, path, file, error)) {
        return false;
    }
    const char *nul = memchr(file->content, '\0', file->length);
    if (nul == NULL) {
        return true;
    }
    int line = 1;
    for (const char *c = file->content; c < nul; c++) {
        line += *c == '\n';
    }
    return error_set(error, ERROR_CONFIG,
                     "line %d holds a NUL byte; write the file as text", line);
}
