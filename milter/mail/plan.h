/* SPDX-License-Identifier: MIT */
/* The envelope plan: edits are recorded at any stage and sent once, at end of message.
 * The order and form are those that lose and double no mail behind Postfix: a set
 * difference, deletes before adds, deletes in the form Postfix matches, DSN parameters
 * carried over, never zero recipients. Source: Postfix cleanup/cleanup_milter.c, RFC
 * 3461 5.2. */
#ifndef FOREGATE_MAIL_PLAN_H
#define FOREGATE_MAIL_PLAN_H

#include "base/arena.h"
#include "base/error.h"
#include "mail/recipient.h"

#include <stdbool.h>
#include <stddef.h>

enum edit_kind {
    EDIT_DELETE_RECIPIENT,
    EDIT_ADD_RECIPIENT,
    EDIT_ADD_HEADER,
    EDIT_SET_HEADER,
    EDIT_DELETE_HEADER,
    EDIT_SET_SENDER,
};

struct edit {
    enum edit_kind kind;
    const char *address; /* with brackets: recipients, sender */
    const char *orcpt;   /* ADD_RECIPIENT: or NULL */
    const char *notify;  /* ADD_RECIPIENT: or NULL */
    const char *name;    /* headers */
    const char *value;   /* headers */
    int index;           /* headers: nth of that name, from 1 */
};

/* What rules recorded; recipients' replacements stand in the recipients. */
struct plan {
    struct edit *headers;
    size_t header_count, header_size;
    const char *sender; /* new envelope sender, external form, or NULL */
    const char **added; /* external forms */
    size_t added_count, added_size;
};

void plan_record_header(struct plan *plan, struct arena *arena, enum edit_kind kind,
                        const char *name, int index, const char *value);
void plan_record_recipient(struct plan *plan, struct arena *arena, const char *address);

/* What the MTA's own maps will make of a recipient: that decides what is covered, doubled
 * or brought back by an edit. Returns false when that cannot be told. Results live in the
 * arena. */
struct plan_expander {
    bool (*expand)(void *context, struct arena *arena, const char *address,
                   const char ***addresses, size_t *count);
    void *context;
};

struct edit_list {
    struct edit *edits;
    size_t count;
    size_t left_out_count; /* addresses that would have got the message without them */
};

/* The edits to send, in order. False when no plan can do what was recorded without losing,
 * doubling or bringing back a recipient (kind RULE): the message is then refused for now.
 */
bool plan_build(const struct plan *plan, struct recipient *const *recipients, size_t count,
                const struct plan_expander *expander, struct arena *arena,
                struct edit_list *list, struct error *error);

const char *edit_kind_name(enum edit_kind kind);

#endif
