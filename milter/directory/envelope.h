/* SPDX-License-Identifier: MIT */
/* The envelope plan in the light of the MTA's own aliases: an added recipient goes through
 * them again, and a kept one went through them already. */
#ifndef FOREGATE_DIRECTORY_ENVELOPE_H
#define FOREGATE_DIRECTORY_ENVELOPE_H

#include "directory/resolve.h"
#include "mail/plan.h"

/* plan_build with the resolver as the MTA's maps. The edits live in arena. */
bool envelope_plan(const struct plan *plan, struct recipient *const *recipients,
                   size_t count, const struct directory *directory, struct arena *arena,
                   struct edit_list *list, struct error *error);

#endif
