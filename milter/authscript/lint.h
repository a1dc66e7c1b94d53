/* SPDX-License-Identifier: MIT */
/* What is wrong with an auth script although it loads; read, not run. */
#ifndef FOREGATE_AUTHSCRIPT_LINT_H
#define FOREGATE_AUTHSCRIPT_LINT_H

#include "directory/finding.h"

/* A result of password_verify that is used as a condition, so that 0, a wrong password,
 * counts as true, or compared so that -1 passes; codes of the other database, or without a
 * second value. A file that cannot be read has no findings here. */
void auth_script_lint(const char *file, struct finding_list *findings);

/* The same of its text. */
void auth_script_lint_text(const char *file, const char *source,
                           struct finding_list *findings);

#endif
