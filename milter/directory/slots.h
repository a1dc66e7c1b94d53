/* SPDX-License-Identifier: MIT */
/* The list of addresses that an expansion turns over: each is replaced until it stays,
 * further targets go to the end. Source: Postfix cleanup/cleanup_map1n.c,
 * global/mail_addr_map.c. */
#ifndef FOREGATE_DIRECTORY_SLOTS_H
#define FOREGATE_DIRECTORY_SLOTS_H

#include "base/arena.h"
#include "directory/resolve.h"
#include "directory/search.h"
#include "mail/key_set.h"

#include <stdbool.h>
#include <stddef.h>

/* Postfix's virtual_alias_expansion_limit, virtual_alias_recursion_limit and
 * virtual_alias_address_length_limit. */
enum { SLOT_COUNT_MAX = 1000, SLOT_DEPTH_MAX = 1000, SLOT_ADDRESS_BYTES_MAX = 1000 };

/* Ours: replacements in one expansion, and bytes of one table value. What needs more holds
 * a thread for too long. */
enum { SLOT_REPLACEMENTS_MAX = 20000, SLOT_VALUE_BYTES_MAX = 1 << 20 };

/* The way to an address; slots share their beginnings. */
struct slot_origin {
    const struct slot_origin *previous;
    const char *internal; /* the address that was replaced */
    enum match_kind match;
    int line;           /* of the alias */
    const char *source; /* of the alias, or NULL */
    bool several;       /* the alias has other targets too; not told of local ones */
    size_t depth;       /* of these in a row, this one included */
};

struct slot {
    const char *internal;
    const struct slot_origin *origin; /* NULL: the asked address itself */
};

struct slots {
    struct arena *arena;
    const struct directory_settings *settings;
    struct slot *items;
    size_t count;
    size_t size;
    struct slot *doubles; /* what slots_unique dropped */
    size_t double_count;
    size_t current;
    size_t depth; /* replacements in the current slot */
    size_t replacements;
    struct key_set *settled; /* addresses that are among their own targets; NULL: none */
    size_t settled_count;
    const char
        *mark; /* the current slot as it was at depth mark_depth, to see cycles early */
    size_t mark_depth;
    size_t mark_settled;
    enum expansion_fault fault;
    const char *fault_reason;
};

/* Anew; only the number of replacements goes on. origin: the way to the address, or NULL.
 */
void slots_begin(struct slots *slots, const char *internal,
                 const struct slot_origin *origin);

/* The way behind previous (may be NULL), longer by what this answer replaces. */
struct slot_origin *slot_origin_new(struct arena *arena, const struct slot_origin *previous,
                                    const char *internal, enum match_kind match,
                                    const struct answer *answer);

/* The same as depth steps, from the asked address on; origin may be NULL. */
const struct via_step *slot_origin_path(struct arena *arena,
                                        const struct slot_origin *origin);

/* The address that is to be looked up next, or NULL: all are done, or there is a fault. */
const char *slots_next(struct slots *slots);

/* What was found for it. Nothing found: slots_settle. */
void slots_replace(struct slots *slots, const struct search *search,
                   const struct answer *answer);
void slots_settle(struct slots *slots);

/* Moves later spellings of the same address to doubles. */
void slots_unique(struct slots *slots);

#endif
