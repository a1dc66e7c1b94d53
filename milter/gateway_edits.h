/* SPDX-License-Identifier: MIT */
/* The plan on its way to the MTA. Private to the gateway; mfapi.h must come first. */
#ifndef FOREGATE_GATEWAY_EDITS_H
#define FOREGATE_GATEWAY_EDITS_H

#include "mail/plan.h"

/* libmilter takes mutable strings and changes none of them. */
static inline char *mutable(const char *text)
{
    union {
        const char *borrowed;
        char *text;
    } pointer = {.borrowed = text};

    return pointer.text;
}

/* All or nothing: what the MTA does not take (actions: what it offered) is known before the
 * first edit is sent, and after a failure the temporary refusal drops the message with
 * those already made. */
bool edits_send(SMFICTX *context, unsigned long actions, const struct edit_list *edits,
                struct error *error);

#endif
