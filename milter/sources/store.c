/* SPDX-License-Identifier: MIT */
#include "sources/store.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct question *one = left;
    const struct question *other = right;
    if (one->kind != other->kind) {
        return one->kind < other->kind ? -1 : 1;
    }
    return strcmp(one->key, other->key);
}

struct answer answer_copy(const struct answer *answer, struct arena *arena)
{
    return (struct answer){
        .kind = answer->kind,
        .line = answer->line,
        .value = arena_copy(arena, answer->value),
        .reason = arena_copy(arena, answer->reason),
        .source = arena_copy(arena, answer->source),
        .limit = arena_copy(arena, answer->limit),
        .limit_counts = answer->limit_counts,
    };
}

void store_keep(struct answer_store *store, const struct question *question,
                const struct answer *answer, int64_t now_ms)
{
    struct kept_answer *kept = arena_alloc(store->arena, sizeof *kept);
    kept->question = (struct question){question->kind, question->key};
    /* A tree whose nodes are pointers to what is kept: keys of strangers cost log n. */
    struct kept_answer **node = tsearch(kept, &store->tree, compare);
    if (node == NULL) {
        abort();
    }
    if (*node != kept) {
        kept = *node;
    } else {
        kept->question.key = arena_copy(store->arena, question->key);
        store->count++;
    }
    kept->answer = answer_copy(answer, store->arena);
    kept->time_ms = now_ms;
}

const struct kept_answer *store_find(const struct answer_store *store,
                                     const struct question *question)
{
    struct kept_answer *const *node = tfind(question, &store->tree, compare);
    return node != NULL ? *node : NULL;
}

static void keep_memory(void *kept)
{
    (void)kept; /* the arena's */
}

void store_end(struct answer_store *store)
{
    tdestroy(store->tree, keep_memory);
    store->tree = NULL;
    store->count = 0;
}
