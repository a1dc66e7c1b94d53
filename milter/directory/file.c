/* SPDX-License-Identifier: MIT */
#include "directory/file.h"

#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 65536 };

static bool same_state(const struct stat *left, const struct stat *right)
{
    return left->st_dev == right->st_dev && left->st_ino == right->st_ino &&
           left->st_size == right->st_size &&
           left->st_mtim.tv_sec == right->st_mtim.tv_sec &&
           left->st_mtim.tv_nsec == right->st_mtim.tv_nsec &&
           left->st_ctim.tv_sec == right->st_ctim.tv_sec &&
           left->st_ctim.tv_nsec == right->st_ctim.tv_nsec;
}

static bool check_kind(const struct stat *status, struct error *error)
{
    if (!S_ISREG(status->st_mode)) {
        return error_set(error, ERROR_CONFIG,
                         "is not a regular file; put a text file in its place");
    }
    return status->st_size <= FILE_BYTES_MAX ||
           error_set(error, ERROR_CONFIG, "is larger than %d MiB; is it the right file?",
                     FILE_BYTES_MAX >> 20);
}

/* The descriptor, or -1: missing when error stays empty. */
static int open_file(const char *path, struct stat *status, struct error *error)
{
    /* Not blocking, so that a FIFO in the file's place does not stop us here. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
        if (errno != ENOENT) {
            error_set(error, ERROR_CONFIG,
                      "cannot be opened (%s); make it readable for Foregate's user",
                      strerror(errno));
        }
        return -1;
    }
    if (fstat(descriptor, status) != 0) {
        error_set(error, ERROR_SYSTEM, "%s", strerror(errno));
    } else if (check_kind(status, error)) {
        return descriptor;
    }
    close(descriptor);
    return -1;
}

bool file_open(const char *path, struct file *file, struct error *error)
{
    struct error problem = {0};
    *file = (struct file){0};
    int descriptor = open_file(path, &file->opened, &problem);
    if (descriptor < 0) {
        if (problem.text[0] != '\0') {
            *error = problem;
        }
        return problem.text[0] == '\0';
    }
    file->stream = fdopen(descriptor, "r");
    if (file->stream == NULL) {
        close(descriptor);
        return error_set(error, ERROR_SYSTEM, "%s", strerror(errno));
    }
    __fsetlocking(file->stream, FSETLOCKING_BYCALLER); /* one thread reads it */
    return true;
}

struct file_mark file_mark(const struct file *file)
{
    return (struct file_mark){
        .status = file->opened, .exists = file->stream != NULL, .is_known = true};
}

bool file_is_other(const struct file_mark *mark, const struct file_state *state)
{
    return mark->is_known && (mark->exists != state->is_known ||
                              (mark->exists && !same_state(&mark->status, &state->known)));
}

bool file_close(struct file *file)
{
    if (file->stream == NULL) {
        return true;
    }
    struct stat closed;
    bool same =
        fstat(fileno(file->stream), &closed) == 0 && same_state(&file->opened, &closed);
    fclose(file->stream);
    file->stream = NULL;
    return same;
}

static char *read_text(struct arena *arena, struct file *file, struct error *error)
{
    size_t size = (size_t)file->opened.st_size;
    char *text = arena_alloc(arena, size + 1);
    if (fread(text, 1, size, file->stream) != size) {
        error_set(error, ERROR_SYSTEM, "cannot be read");
        return NULL;
    }
    const char *nul = memchr(text, '\0', size);
    if (nul == NULL) {
        return text;
    }
    int line = 1;
    for (const char *c = text; c < nul; c++) {
        line += *c == '\n';
    }
    error_set(error, ERROR_CONFIG, "line %d holds a NUL byte; write the file as text",
              line);
    return NULL;
}

char *file_read_text(struct arena *arena, const char *path, struct error *error)
{
    struct file file;
    if (!file_open(path, &file, error)) {
        return NULL;
    }
    if (file.stream == NULL) {
        error_set(error, ERROR_CONFIG, "%s does not exist", path);
        return NULL;
    }
    char *text = read_text(arena, &file, error);
    if (!file_close(&file) && text != NULL) {
        error_set(error, ERROR_SYSTEM,
                  "changes while it is read; write it aside and rename it");
        return NULL;
    }
    return text;
}

/* False when reading failed. */
static bool digest_content(int descriptor, uint64_t *sum, enum file_end *end)
{
    char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t got = read(descriptor, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        *sum = hash_bytes(*sum, chunk, (size_t)got);
        *end = chunk[got - 1] == '\n' ? FILE_END_LINE : FILE_END_OPEN;
    }
}

static uint64_t digest_of(const char *path, enum file_end *end)
{
    *end = FILE_END_NOTHING;
    struct stat status;
    struct error error = {0};
    int descriptor = open_file(path, &status, &error);
    if (descriptor < 0) {
        return hash_bytes(1, error.text, strlen(error.text));
    }
    uint64_t sum = 2;
    if (!digest_content(descriptor, &sum, end)) {
        sum = hash_bytes(3, strerror(errno), strlen(strerror(errno)));
    }
    close(descriptor);
    return sum;
}

enum { AGE_SECONDS_MAX = 1000 };

/* Is a time so near to now, on either side? It may be any number. */
static bool is_near(const struct timespec *time, int64_t ms)
{
    struct timespec now;
    int64_t seconds;
    clock_gettime(CLOCK_REALTIME, &now);
    if (__builtin_sub_overflow((int64_t)now.tv_sec, (int64_t)time->tv_sec, &seconds) ||
        seconds > AGE_SECONDS_MAX || seconds < -AGE_SECONDS_MAX) {
        return false;
    }
    int64_t age_ms = seconds * 1000 + (now.tv_nsec - time->tv_nsec) / 1000000;
    return age_ms < ms && age_ms > -ms; /* the clock may be wrong */
}

/* A time of change so near to now that another change could leave it as it is: clocks of
 * file systems tick every few milliseconds, some every two seconds. */
static bool is_fresh(const struct timespec *changed)
{
    return is_near(changed, FILE_RACE_MS);
}

bool file_looks_cut(const struct file_state *before, const struct file_state *now)
{
    bool is_same = before->is_known && now->is_known &&
                   before->known.st_dev == now->known.st_dev &&
                   before->known.st_ino == now->known.st_ino;
    return now->end < before->end ||
           (is_same && now->known.st_size < before->known.st_size);
}

bool file_changed_within(const struct file_state *state, int64_t ms)
{
    return state->is_known && is_near(&state->known.st_mtim, ms);
}

uint64_t file_digest(const char *path, struct file_state *state)
{
    struct stat now = {0};
    bool exists = stat(path, &now) == 0;
    int64_t now_ms = clock_monotonic_ms();
    if (exists && state->is_known && !state->may_be_racing &&
        now_ms - state->read_ms < FILE_REREAD_MS && same_state(&now, &state->known)) {
        return state->digest;
    }
    state->may_be_racing = is_fresh(&now.st_ctim) || is_fresh(&now.st_mtim);
    state->digest = digest_of(path, &state->end);
    state->known = now;
    state->is_known = exists;
    state->read_ms = now_ms;
    return state->digest;
}
