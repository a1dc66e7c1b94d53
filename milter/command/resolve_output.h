/* SPDX-License-Identifier: MIT */
/* What `resolve` found of one address, for people. A line that is not indented answers for
 * the address asked for; below it stands the tree of aliases and recipients, one address a
 * line, with what becomes of it behind the colon. */
#ifndef FOREGATE_COMMAND_RESOLVE_OUTPUT_H
#define FOREGATE_COMMAND_RESOLVE_OUTPUT_H

#include "base/arena.h"
#include "directory/resolve.h"

#include <stdbool.h>

struct resolution {
    struct arena *arena;
    const char *typed; /* the address as it was asked for */
    const struct directory *directory;
    const struct address *address;
    const struct expansion *expansion;
    const char *doubt; /* why it may be otherwise, or NULL */
    bool coloured;     /* for a terminal */
};

/* False when nobody reads stdout. */
bool resolution_print_text(const struct resolution *resolution);

/* For what is no address: of resolution, only arena, typed and coloured are used. */
bool resolution_refuse_text(const struct resolution *resolution, const char *reason);

#endif
