/* SPDX-License-Identifier: MIT */
/* Answers in place of Dovecot's quota-status, and a record of what was asked. Any thread.
 */
#ifndef FOREGATE_RULETEST_FAKE_QUOTA_H
#define FOREGATE_RULETEST_FAKE_QUOTA_H

#include "io/silence.h"
#include "quota/client.h"

#include <stddef.h>
#include <stdint.h>

struct fake_quota;

enum fake_quota_kind {
    FAKE_QUOTA_FITS,
    FAKE_QUOTA_OVER,  /* text: the refusal */
    FAKE_QUOTA_FAILS, /* text: the reason */
    FAKE_QUOTA_ROOM,  /* so many bytes are free; text: the refusal of more */
    FAKE_QUOTA_SILENT /* no answer */
};

/* Everybody has room, until something else is said. */
struct fake_quota *fake_quota_new(struct silence *silence);
void fake_quota_free(struct fake_quota **fake);

/* Of a mailbox, until it is said anew. */
void fake_quota_answer(struct fake_quota *fake, const char *mailbox,
                       enum fake_quota_kind kind, const char *text, int64_t room_bytes);

/* A quota_script; argument is the fake. */
void fake_quota_ask(void *argument, struct quota_request *question);

/* Questions so far, the oldest first. The mailbox lives as long as the fake. */
size_t fake_quota_count(struct fake_quota *fake);
void fake_quota_asked(struct fake_quota *fake, size_t index, const char **mailbox,
                      int64_t *bytes);

#endif
