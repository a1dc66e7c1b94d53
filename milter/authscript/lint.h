/* SPDX-License-Identifier: MIT */
/* What is wrong with an auth script although it loads; read, not run. */
#ifndef FOREGATE_AUTHSCRIPT_LINT_H
#define FOREGATE_AUTHSCRIPT_LINT_H

#include "directory/finding.h"

/* Warnings: a result of password_verify that is used as a condition, so that 0, a wrong
 * password, counts as true. A file that cannot be read has no findings here. */
void auth_script_lint(const char *file, struct finding_list *findings);

#endif
