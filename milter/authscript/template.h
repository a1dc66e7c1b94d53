/* SPDX-License-Identifier: MIT */
/* Dovecot's variables in a text: `%u`, `%Lu`, `%{user}`, `%2.3u` as in 2.3, and
 * `%{user | lower}` as in 2.4. */
#ifndef FOREGATE_AUTHSCRIPT_TEMPLATE_H
#define FOREGATE_AUTHSCRIPT_TEMPLATE_H

#include "authscript/request.h"
#include "base/error.h"

/* The expanded text, in the arena. request may be NULL: only the environment is known. NULL
 * (RULE): a variable or filter that there is not, or a result that is too long. */
const char *template_expand(struct arena *arena, const struct auth_request *request,
                            const char *text, struct error *error);

#endif
