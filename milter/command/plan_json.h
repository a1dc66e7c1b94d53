/* SPDX-License-Identifier: MIT */
/* The plan in the JSON of commands. */
#ifndef FOREGATE_COMMAND_PLAN_JSON_H
#define FOREGATE_COMMAND_PLAN_JSON_H

#include "mail/plan.h"

#include <jansson.h>

/* An array, empty for no edits. The caller's to free. */
json_t *plan_json(const struct edit_list *edits);

#endif
