/* SPDX-License-Identifier: MIT */
/* Answers in place of Dovecot's quota-status: linked instead of milter/quota/client.c,
 * whose functions it defines. The table and the record of questions are global: one test at
 * a time. */
#ifndef FOREGATE_TESTS_FAKE_QUOTA_H
#define FOREGATE_TESTS_FAKE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_answer {
    FAKE_FITS,
    FAKE_OVER,  /* text: the refusal */
    FAKE_FAILS, /* text: the reason */
    FAKE_ROOM,  /* so many bytes are free */
    FAKE_SILENT /* no answer: the request's own limit ends it */
};

/* Forgets answers and questions; everybody has room. */
void fake_quota_begin(void);
void fake_quota_answer(const char *mailbox, enum fake_answer answer, const char *text,
                       int64_t room_bytes);

/* Questions wait until so many are there at once; then all of them are answered. */
void fake_quota_hold(size_t count);

/* Questions so far, the oldest first. */
size_t fake_quota_count(void);
const char *fake_quota_mailbox(size_t index);
int64_t fake_quota_bytes(size_t index);

#endif
