/* SPDX-License-Identifier: MIT */
/* Which aliases lead to the fault of an expansion. The resolver keeps no ways of what it
 * gives up; mail is refused without them. A person wants to see them. */
#ifndef FOREGATE_COMMAND_RESOLVE_WAY_H
#define FOREGATE_COMMAND_RESOLVE_WAY_H

#include "base/arena.h"
#include "directory/resolve.h"

#include <stdbool.h>
#include <stddef.h>

struct resolve_way {
    const struct via_step *steps;
    size_t count;
    const char *end; /* external form, behind the steps; NULL: no way was found */
    bool is_circle;  /* one of the steps has replaced end before */
};

/* Expands asked once more, up to the fault: bounded as the resolver is. Finds no ways
 * through local aliases; of a circle behind one, at least the circle. */
struct resolve_way resolve_way_find(struct arena *arena, const struct address *asked,
                                    const struct expansion *expansion,
                                    const struct directory *directory);

#endif
