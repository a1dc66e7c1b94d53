/* SPDX-License-Identifier: MIT */
/* One RCPT of a message. Lives in the message's arena. */
#ifndef FOREGATE_MAIL_RECIPIENT_H
#define FOREGATE_MAIL_RECIPIENT_H

#include "mail/address.h"
#include "mail/value.h"

#include <stdbool.h>
#include <stddef.h>

enum recipient_state { RECIPIENT_PENDING, RECIPIENT_ACCEPTED, RECIPIENT_REFUSED };

struct recipient {
    struct address address; /* as the client gave it */
    const char **params;    /* `NOTIFY=...`, `ORCPT=...` as given, NULL behind the last */
    enum recipient_state state;
    struct value expansion; /* what the alias rule found; NIL before */
    struct value notes;
    bool replaced;            /* deliver to replacement instead */
    const char **replacement; /* external forms */
    size_t replacement_count;
};

/* The value of an ESMTP parameter (name without `=`, case ignored), or NULL. */
const char *params_find(const char *const *params, const char *name);

#endif
