/* SPDX-License-Identifier: MIT */
/* How ownership is told to people: `alice@example.com -> sales@example.com (alias)`. */
#ifndef FOREGATE_DIRECTORY_OWNERSHIP_TEXT_H
#define FOREGATE_DIRECTORY_OWNERSHIP_TEXT_H

#include "directory/slots.h"

/* An address or login of anybody, made fit to be shown. */
const char *ownership_name(struct arena *arena, const char *text);

/* From a mailbox outwards along the way to it. The middle of a long one is left out. */
const char *ownership_way(struct arena *arena, const char *mailbox,
                          const struct slot_origin *origin);

/* `, which needs spoof.nested = yes`. missing: traits of a walk, or WALK_ANY + 1 for
 * account_alias; "" for none. */
const char *ownership_needs(struct arena *arena, unsigned missing);

#endif
