/* SPDX-License-Identifier: MIT */
/* Where an address leads through virtual aliases, the nearest places first. Keys, their
 * order and targets are the resolver's (search, slots), but each address is looked up once,
 * however many ways lead to it, and it may be told which steps not to take. So it knows
 * every place that some way reaches, also where Postfix finds a circle. Local aliases and
 * local delivery are left out. */
#ifndef FOREGATE_DIRECTORY_WALK_H
#define FOREGATE_DIRECTORY_WALK_H

#include "directory/search.h"
#include "directory/slots.h"

/* What a way is beyond one alias with one target: a set. Nested: behind another alias.
 * Subaddress: the alias was found without the detail of the first address. */
enum walk_trait {
    WALK_NESTED = 1,
    WALK_CATCH_ALL = 2,
    WALK_REGEXP = 4,
    WALK_GROUP = 8,
    WALK_SUBADDRESS = 16,
    WALK_ANY = 31
};

struct walk_place {
    const char *internal;
    const struct slot_origin *origin; /* the way to it; NULL: where the walk begins */
    uint32_t hash;                    /* of the address in small letters */
    bool is_end;                      /* looked up, and mail for it stays there */
};

/* Zeroed but for the first three. */
struct walk {
    struct arena *arena;
    const struct directory *directory;
    unsigned allowed; /* traits of ways that are followed */
    struct walk_place *places;
    size_t count, size;
    size_t looked_up;    /* so many of places */
    size_t target_count; /* of all aliases together */
    bool skipped;        /* some way was not followed */
    const char *failure; /* a place that could not be looked up, why; or NULL */
    uint32_t *seen;      /* number of a place + 1, by its hash; at most half of them used */
    size_t seen_size;    /* a power of two, or 0 */
    struct search search;
    struct slots slots;
};

/* internal must live as long as the walk, and is not longer than ADDRESS_BYTES_MAX. */
void walk_begin(struct walk *walk, const char *internal);

/* Looks up the next place and adds those it leads to. False: none is left. */
bool walk_on(struct walk *walk);

/* Of all steps of a way. */
unsigned walk_traits(const struct slot_origin *origin);

/* The first answer to the keys of one search: ACCOUNTS, DOMAIN. */
struct answer walk_look_up(struct walk *walk, enum search_keys keys, const char *internal);

#endif
