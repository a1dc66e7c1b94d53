/* SPDX-License-Identifier: MIT */
/* What a rule decided, and the one place that checks a reply before libmilter sees it:
 * libmilter drops a wrong one in silence, keeps it for a later refusal, or hangs the
 * client. */
#ifndef FOREGATE_MAIL_VERDICT_H
#define FOREGATE_MAIL_VERDICT_H

#include "base/error.h"
#include "mail/value.h"

#include <stdbool.h>

enum verdict_kind {
    VERDICT_CONTINUE,   /* no objection */
    VERDICT_REJECT,     /* 5xx */
    VERDICT_DEFER,      /* 4xx */
    VERDICT_DISCONNECT, /* 421 or 521: Postfix hangs up */
    VERDICT_DISCARD,    /* 250, and the message is gone for all its recipients */
    VERDICT_QUARANTINE, /* the MTA's hold queue */
    VERDICT_SKIP,       /* no more rules in this stage */
};

/* Strings live in the arena of the message or session. */
struct verdict {
    enum verdict_kind kind;
    int code;            /* replies only */
    const char *xcode;   /* "5.2.2" */
    const char *text;    /* reply text, or the reason of discard and quarantine */
    const char *rule;    /* who decided; NULL: nobody did, or Foregate itself */
    const char *id;      /* see decision_id.h; NULL: none yet */
    struct value detail; /* TABLE or NIL: inputs of the decision, for the record */
};

enum { VERDICT_TEXT_BYTES = 450 };

/* Kind, code class, enhanced code and text agree (RFC 5321 4.2, RFC 3463; libmilter
 * smfi_setreply; Postfix wants an enhanced code whenever the text begins with a digit). */
bool verdict_check(const struct verdict *verdict, struct error *error);

const char *verdict_kind_name(enum verdict_kind kind);
bool verdict_is_refusal(const struct verdict *verdict); /* reject, defer, disconnect */

#endif
