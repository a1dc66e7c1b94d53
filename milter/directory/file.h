/* SPDX-License-Identifier: MIT */
/* A text file of the operator, read as one state of it, as far as size and times of change
 * can tell; and whether it changed since it was looked at. */
#ifndef FOREGATE_DIRECTORY_FILE_H
#define FOREGATE_DIRECTORY_FILE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 1 << 30 };

struct file {
    FILE *stream; /* NULL when the file is missing */
    struct stat opened;
};

/* A missing file is no failure. Fails, with a remedy but without the file's name, for what
 * is unreadable, no regular file, or larger than FILE_BYTES_MAX. */
bool file_open(const char *path, struct file *file, struct error *error);

/* Closes it; false when it changed while it was open. */
bool file_close(struct file *file);

/* The whole text, in the arena; NULL as for file_open, for a file that is missing, changes
 * meanwhile or holds a NUL byte. */
char *file_read_text(struct arena *arena, const char *path, struct error *error);

/* What was found in a file's place when it was opened. Zeroed: not opened, or in vain. */
struct file_mark {
    struct stat status;
    bool exists, is_known;
};

/* The mark of what file_open has just opened, or found missing. */
struct file_mark file_mark(const struct file *file);

/* What a file comes to: nothing (it is empty, missing, unreadable), a last line that has no
 * end, or whole lines. */
enum file_end { FILE_END_NOTHING, FILE_END_OPEN, FILE_END_LINE };

/* What is remembered of a file between two looks. Zeroed: nothing yet. */
struct file_state {
    struct stat known;
    uint64_t digest; /* of its content, or of why there is none */
    enum file_end end;
    int64_t read_ms; /* monotonic: when its content was read last */
    bool is_known;
    bool may_be_racing; /* it changed so shortly before that a change since may not show */
};

/* The digest of what stands at path now. The content is read when size, inode or times say
 * so, when they cannot be trusted, and every REREAD_MS: some mounts do not tell. */
enum { FILE_REREAD_MS = 10000, FILE_RACE_MS = 3000 };

uint64_t file_digest(const char *path, struct file_state *state);

/* Was another file opened, or none, than the one that was looked at last? */
bool file_is_other(const struct file_mark *mark, const struct file_state *state);

/* Does it look as if it was cut off since, by somebody who is about to write it anew: it is
 * the same file and shorter, or had whole lines and ends within one, or is gone? */
bool file_looks_cut(const struct file_state *before, const struct file_state *now);

/* By its time of change, as the clock says now: that may be wrong, then it did not. */
bool file_changed_within(const struct file_state *state, int64_t ms);

#endif
