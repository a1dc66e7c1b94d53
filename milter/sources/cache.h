/* SPDX-License-Identifier: MIT */
/* What one source said lately, for all messages: so that it is not asked again at once,
 * and to go on with while it is away. Any thread; its lock is a leaf. */
#ifndef FOREGATE_SOURCES_CACHE_H
#define FOREGATE_SOURCES_CACHE_H

#include "base/arena.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stdint.h>

/* Half of what is kept at most: the older half goes when the younger is full. */
enum { CACHE_ANSWERS = 50000, CACHE_BYTES = 16 << 20 };

struct cache;

struct cache *cache_new(void);
void cache_free(struct cache **cache);

/* FAILED is not kept. */
void cache_keep(struct cache *cache, const struct question *question,
                const struct answer *answer, int64_t now_ms);

/* False: there is none that is at most as old. Copied into the arena. */
bool cache_find(struct cache *cache, const struct question *question, int64_t now_ms,
                int64_t age_ms, struct arena *arena, struct answer *answer,
                int64_t *found_age_ms);

#endif
