/* SPDX-License-Identifier: MIT */
/* What is wrong with rule files, before mail finds out: what keeps one from loading, and
 * what loads but fails or does nothing when its time comes (lua/lint). Each file is read by
 * a Lua state of its own within limits. For `check`; one thread. */
#ifndef FOREGATE_SCRIPT_LINT_H
#define FOREGATE_SCRIPT_LINT_H

#include "base/config.h"
#include "directory/finding.h"

/* Of all rules that config names, and of files beside them that it does not name. Strings
 * live in the findings' arena. */
void lint_rules(const struct config *config, struct finding_list *findings);

/* That rules do not load: the place is taken from the text, as in `FILE.lua:12: text`. */
void lint_add_error(struct finding_list *findings, const struct error *error);

#endif
