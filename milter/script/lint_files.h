/* SPDX-License-Identifier: MIT */
/* Rule files as files: those that never run, and those that hide another. Private to
 * script/. */
#ifndef FOREGATE_SCRIPT_LINT_FILES_H
#define FOREGATE_SCRIPT_LINT_FILES_H

#include "directory/finding.h"
#include "script/ruleset.h"

/* That the file stands before another of that name with other content. A comment in its
 * first line silences it. */
void lint_replaced(const struct rule *rule, const char *folders,
                   struct finding_list *findings);

/* Files in the folders of rules that are neither in ruleset nor among those that run
 * unless the operator says so, nor a test (`*_test.lua`). */
void lint_unnamed(const struct ruleset *ruleset, const struct config *config,
                  struct finding_list *findings);

#endif
