/* SPDX-License-Identifier: MIT */
/* A file that lines are appended to, each by one write(2), and that makes room for a new
 * one when it is full. Whoever renames or removes it gets a new one with the next line.
 * Belongs to one thread. Private to record/. */
#ifndef FOREGATE_RECORD_FILE_H
#define FOREGATE_RECORD_FILE_H

#include "base/error.h"
#include "record/journal.h"

#include <stdbool.h>
#include <stddef.h>

struct record_file {
    const struct journal_settings *settings;
    int descriptor; /* -1: not open */
    bool is_cut;    /* the last line has no end */
};

/* Opens it, unless it is open and still what stands at the path. SYSTEM */
bool record_file_open(struct record_file *file, struct error *error);
void record_file_close(struct record_file *file);

/* line ends in a line end. False (SYSTEM): nothing of it is in the file, or, if the disk
 * takes nothing back either, a part. */
bool record_file_append(struct record_file *file, const char *line, size_t length,
                        struct error *error);

#endif
