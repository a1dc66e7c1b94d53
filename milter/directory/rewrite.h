/* SPDX-License-Identifier: MIT */
/* The options rewrite.*: recipients in the form in which the next server gets them. Applied
 * when the plan is made, to what rules have left of them. */
#ifndef FOREGATE_DIRECTORY_REWRITE_H
#define FOREGATE_DIRECTORY_REWRITE_H

#include "directory/directory.h"
#include "mail/message.h"

#include <stdbool.h>
#include <stddef.h>

enum rewrite_detail {
    DETAIL_KEEP,
    DETAIL_EXTERNAL, /* removed from addresses elsewhere, kept for our mailboxes */
    DETAIL_STRIP,
};

/* Borrowed; process lifetime. */
struct rewrite {
    bool expand; /* aliases are replaced by what they expand to */
    enum rewrite_detail detail;
    const char *header;    /* which names the original recipient, or NULL */
    size_t recipients_max; /* that one message may have */
};

/* How many recipients this one becomes: 1 for all that are not expanded. */
size_t rewrite_count(const struct rewrite *rewrite, const struct address *address,
                     const struct directory *directory);

/* The recipients of the message, those that change as copies in its arena. Stays as it is:
 * what cannot be expanded; what is delivered at the host itself, by files and commands
 * that no envelope can name; what leads to an address elsewhere that is its own target
 * beside others; a detail without which the address would lead elsewhere; all details where
 * one of several targets is its own target and brings another with its detail. */
struct recipient *const *rewrite_recipients(const struct rewrite *rewrite,
                                            const struct message *message,
                                            const struct directory *directory);

/* Adds the trace header to a plan by which the only recipient is replaced: several would
 * learn of each other. What the message has of that name itself is removed. */
void rewrite_trace(const struct rewrite *rewrite, const struct message *message,
                   struct edit_list *edits);

#endif
