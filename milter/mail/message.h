/* SPDX-License-Identifier: MIT */
/* One transaction, from MAIL to its end. Everything in it lives in its arena, which is
 * reset when the next one begins: a message that was refused at MAIL gets no abort from
 * libmilter, so begin clears whatever is there. */
#ifndef FOREGATE_MAIL_MESSAGE_H
#define FOREGATE_MAIL_MESSAGE_H

#include "base/arena.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/plan.h"
#include "mail/recipient.h"
#include "mail/value.h"

#include <stdbool.h>
#include <stdint.h>

struct message {
    struct arena *arena;
    bool open; /* between begin and end */
    struct address sender;
    const char **params;    /* of MAIL, NULL behind the last */
    int64_t declared_bytes; /* SIZE=, or -1 */
    int64_t body_bytes;
    const char *queue_id;          /* "" until the MTA knows it */
    struct recipient **recipients; /* all that were named, refused ones too */
    size_t recipient_count;
    size_t recipient_size;
    struct header_list headers;
    struct value notes;
    struct plan plan; /* edits recorded so far */
};

struct message *message_new(void);
void message_free(struct message **message);

/* Forgets the previous transaction and starts one. */
void message_begin(struct message *message, const char *const *params);
void message_end(struct message *message);

/* A sender that Postfix took and we cannot parse is judged by its bytes: the brackets go,
 * the rest is compared as it stands. */
void message_set_sender(struct message *message, const char *raw,
                        const struct address_rules *rules);

/* A pending recipient without an address yet. */
struct recipient *message_add_recipient(struct message *message, const char *const *params);

/* Header and body as counted on the wire, the blank line between them included. */
int64_t message_size(const struct message *message);
size_t message_accepted_count(const struct message *message);
size_t message_replaced_count(const struct message *message); /* of these, by rules */

#endif
