/* SPDX-License-Identifier: MIT */
/* The file of records: one line a transaction, written by a thread of its own, so that mail
 * never waits for a disk. Lines that cannot be written (no space, no permission, or faster
 * than the disk) are lost and counted (record_lost), and said so at most once a minute; it
 * is tried again with each line. Nothing is synced. */
#ifndef FOREGATE_RECORD_JOURNAL_H
#define FOREGATE_RECORD_JOURNAL_H

#include "base/error.h"
#include "record/record.h"

#include <stdbool.h>
#include <stdint.h>

struct journal;

struct journal_settings {
    const char *path;   /* created with mode 0600; borrowed, as long as the journal */
    int64_t size_bytes; /* a line that would make the file larger begins a new one */
    int files;          /* that are kept: path, path.1, ..., the highest the oldest */
};

/* Lines that wait for the disk, in bytes. */
enum { JOURNAL_QUEUE_BYTES = 8 << 20 };

/* NULL (CONFIG, says what to do): the file cannot be written, or is no regular file. */
struct journal *journal_open(const struct journal_settings *settings, struct error *error);

/* Any thread; memory only. */
void journal_write(struct journal *journal, const struct record *record);

/* Waits until all lines so far are written or lost. False: not within limit_ms. */
bool journal_flush(struct journal *journal, int limit_ms);

/* Flushes, for as long as it takes. Nobody writes any more. */
void journal_close(struct journal **journal);

#endif
