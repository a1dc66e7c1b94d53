/* SPDX-License-Identifier: MIT */
/* What `explain` found, for people and for programs. */
#ifndef FOREGATE_COMMAND_EXPLAIN_OUTPUT_H
#define FOREGATE_COMMAND_EXPLAIN_OUTPUT_H

#include "base/arena.h"
#include "mail/decision.h"
#include "mail/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Everything borrowed from the transaction. */
struct explanation {
    struct decision_list session_decisions;
    struct decision_list decisions;
    struct verdict connect, helo, mail, message;
    bool has_mail;    /* connect and helo were not refused */
    bool has_message; /* a recipient was accepted */
    struct verdict *recipients;
    const char *const *recipient_names;
    size_t recipient_count;
    struct edit_list edits;
    uint64_t generation, snapshot; /* their numbers */
};

bool explanation_is_clean(const struct explanation *explanation);

/* What became of MAIL, the message, and one recipient: the name of a verdict, or "none"
 * when it did not come to that. */
const char *explanation_mail(const struct explanation *explanation);
const char *explanation_message(const struct explanation *explanation);
const char *explanation_recipient(const struct explanation *explanation, size_t index);

/* False when nobody reads stdout. */
bool explanation_print_json(const struct explanation *explanation);
bool explanation_print_text(struct arena *arena, const struct explanation *explanation);

#endif
