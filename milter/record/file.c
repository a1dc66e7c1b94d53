/* SPDX-License-Identifier: MIT */
#include "record/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct error *error, const char *what, const char *path)
{
    return error_set(error, ERROR_SYSTEM, "cannot %s %s: %s", what, path, strerror(errno));
}

void record_file_close(struct record_file *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
}

/* A crash, or another program, may have left the last line without its end. */
static bool ends_within_line(int descriptor, off_t size)
{
    char last;
    return size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != '\n';
}

bool record_file_open(struct record_file *file, struct error *error)
{
    const char *path = file->settings->path;
    struct stat there;
    struct stat ours;
    bool is_same = file->descriptor >= 0 && stat(path, &there) == 0 &&
                   fstat(file->descriptor, &ours) == 0 && there.st_dev == ours.st_dev &&
                   there.st_ino == ours.st_ino;
    if (is_same) {
        return true;
    }
    record_file_close(file);
    /* Not blocking: a pipe that nobody reads would be waited for. */
    int descriptor =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (descriptor < 0) {
        return fail(error, "open", path);
    }
    if (fstat(descriptor, &ours) != 0 || !S_ISREG(ours.st_mode)) {
        close(descriptor);
        return error_set(error, ERROR_SYSTEM, "%s is no regular file", path);
    }
    file->descriptor = descriptor;
    file->is_cut = ends_within_line(descriptor, ours.st_size);
    return true;
}

/* path.N-2 becomes path.N-1, and so on, and path itself path.1, or goes. */
static bool rotate(struct record_file *file, struct error *error)
{
    const char *path = file->settings->path;
    char from[PATH_MAX];
    char to[PATH_MAX];
    record_file_close(file);
    for (int i = file->settings->files - 1; i > 0; i--) {
        snprintf(to, sizeof to, "%s.%d", path, i);
        snprintf(from, sizeof from, i > 1 ? "%s.%d" : "%s", path, i - 1);
        if (rename(from, to) != 0 && errno != ENOENT) {
            return fail(error, "rename", from);
        }
    }
    if (file->settings->files == 1 && unlink(path) != 0 && errno != ENOENT) {
        return fail(error, "remove", path);
    }
    return record_file_open(file, error);
}

bool record_file_append(struct record_file *file, const char *line, size_t length,
                        struct error *error)
{
    struct stat status;
    if (!record_file_open(file, error)) {
        return false;
    }
    bool is_known = fstat(file->descriptor, &status) == 0;
    if (is_known && status.st_size > 0 &&
        status.st_size + (int64_t)length > file->settings->size_bytes) {
        if (!rotate(file, error)) {
            return false;
        }
        is_known = fstat(file->descriptor, &status) == 0;
    }
    if (file->is_cut && write(file->descriptor, "\n", 1) == 1) {
        file->is_cut = false;
        status.st_size++;
    }
    ssize_t written = file->is_cut ? -1 : write(file->descriptor, line, length);
    if (written == (ssize_t)length) {
        return true;
    }
    if (written >= 0) {
        error_set(error, ERROR_SYSTEM, "%s takes only a part of a line: is the disk full?",
                  file->settings->path);
    } else {
        fail(error, "write to", file->settings->path);
    }
    /* What a full disk took of the line is taken back. */
    file->is_cut =
        file->is_cut ||
        (written > 0 && (!is_known || ftruncate(file->descriptor, status.st_size) != 0));
    return false;
}
