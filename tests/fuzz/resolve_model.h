/* SPDX-License-Identifier: MIT */
/* Resolution once more, written down from the rules as plainly as can be: no questions, no
 * states, no early end, memory as it comes. What it says, resolve.c must say. */
#ifndef FOREGATE_TESTS_FUZZ_RESOLVE_MODEL_H
#define FOREGATE_TESTS_FUZZ_RESOLVE_MODEL_H

#include "directory/resolve.h"

struct model_list {
    const char **items;
    size_t count, size;
};

/* One look-up in the virtual aliases, and what the address is replaced by. */
struct model_step {
    bool found, fails; /* fails: the table does, or the result is unusable */
    enum match_kind match;
    struct model_list targets; /* internal forms */
};

struct model_recipient {
    const char *internal;
    enum recipient_class class;
    const char *mailbox;
};

struct model_result {
    bool fails; /* nobody gets the mail: a circle, too much, an unusable result */
    bool by_table;
    struct model_recipient *recipients;
    size_t count, size;
};

struct model_step model_step(struct arena *arena, const struct snapshot *snapshot,
                             const char *internal);

/* The targets of a name at the host, with its detail and without, routed; files and
 * commands as the name itself. */
struct model_list model_local_targets(struct arena *arena, const struct snapshot *snapshot,
                                      const char *internal);

struct model_result model_expand(struct arena *arena, const struct snapshot *snapshot,
                                 const char *asked);

/* What a stranger is told. */
enum expansion_status model_status(struct arena *arena, const struct snapshot *snapshot,
                                   const struct address *address);

bool model_has(const struct model_list *list, const char *internal); /* exactly */
bool model_has_folded(const struct model_list *list, const char *internal);

#endif
