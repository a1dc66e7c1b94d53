/* SPDX-License-Identifier: MIT */
/* Plans as text, for the log: cut where they would fill it. */
#ifndef FOREGATE_MAIL_PLAN_TEXT_H
#define FOREGATE_MAIL_PLAN_TEXT_H

#include "mail/plan.h"

/* `delete <a@b>, add <c@d>`, or NULL when there are no edits. */
const char *edits_text(struct arena *arena, const struct edit_list *list);

/* What was wanted of a plan that could not be made: `<a@b> -> <c@d> <e@f>, add <g@h>`. */
const char *plan_text(struct arena *arena, const struct plan *plan,
                      struct recipient *const *recipients, size_t count);

#endif
