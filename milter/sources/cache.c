/* SPDX-License-Identifier: MIT */
#include "sources/cache.h"

#include "sources/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct cache {
    pthread_mutex_t lock; /* protects both halves */
    struct answer_store young, old;
};

struct cache *cache_new(void)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        abort();
    }
    pthread_mutex_init(&cache->lock, NULL);
    cache->young.arena = arena_new();
    cache->old.arena = arena_new();
    return cache;
}

void cache_free(struct cache **cache)
{
    struct cache *freed = *cache;
    *cache = NULL;
    if (freed == NULL) {
        return;
    }
    store_end(&freed->young);
    store_end(&freed->old);
    arena_free(&freed->young.arena);
    arena_free(&freed->old.arena);
    pthread_mutex_destroy(&freed->lock);
    free(freed);
}

static void age(struct cache *cache)
{
    struct answer_store emptied = cache->old;
    store_end(&emptied);
    arena_reset(emptied.arena);
    cache->old = cache->young;
    cache->young = emptied;
}

void cache_keep(struct cache *cache, const struct question *question,
                const struct answer *answer, int64_t now_ms)
{
    assert(answer->kind != ANSWER_FAILED);
    pthread_mutex_lock(&cache->lock);
    if (cache->young.count >= CACHE_ANSWERS ||
        arena_used(cache->young.arena) >= CACHE_BYTES) {
        age(cache);
    }
    store_keep(&cache->young, question, answer, now_ms);
    pthread_mutex_unlock(&cache->lock);
}

bool cache_find(struct cache *cache, const struct question *question, int64_t now_ms,
                int64_t age_ms, struct arena *arena, struct answer *answer,
                int64_t *found_age_ms)
{
    pthread_mutex_lock(&cache->lock);
    const struct kept_answer *kept = store_find(&cache->young, question);
    if (kept == NULL) {
        kept = store_find(&cache->old, question);
    }
    bool found = kept != NULL && now_ms - kept->time_ms <= age_ms;
    if (found) {
        *answer = answer_copy(&kept->answer, arena);
        *found_age_ms = now_ms - kept->time_ms;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}
