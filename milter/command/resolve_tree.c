/* SPDX-License-Identifier: MIT */
#include "command/resolve_tree.h"

#include "base/hash.h"

#include <string.h>

/* A power of two. */
enum { FIRST_SIZE = 64 };

/* The hash table finds a child among thousands; it is needed only while the tree grows. */
struct builder {
    struct arena *arena;
    struct tree_node **chains;
    size_t size;
    size_t count;
};

static void chain(struct builder *builder, struct tree_node *node)
{
    struct tree_node **chain = &builder->chains[node->hash & (builder->size - 1)];
    node->chained = *chain;
    *chain = node;
}

static void grow(struct builder *builder)
{
    struct tree_node **old = builder->chains;
    size_t old_size = builder->size;
    builder->size = old_size > 0 ? old_size * 2 : FIRST_SIZE;
    builder->chains =
        arena_array(builder->arena, builder->size, sizeof(struct tree_node *));
    for (size_t i = 0; i < old_size; i++) {
        struct tree_node *next;
        for (struct tree_node *node = old[i]; node != NULL; node = next) {
            next = node->chained;
            chain(builder, node);
        }
    }
}

static bool is_same(const struct tree_node *left, const struct tree_node *right)
{
    if (left->hash != right->hash || left->parent != right->parent ||
        left->again != right->again || (left->alias == NULL) != (right->alias == NULL) ||
        strcmp(left->address, right->address) != 0) {
        return false;
    }
    return left->alias == NULL || (left->alias->match == right->alias->match &&
                                   left->alias->line == right->alias->line);
}

/* The child of wanted.parent that is as wanted, or NULL. */
static struct tree_node *find(const struct builder *builder, struct tree_node *wanted)
{
    wanted->hash =
        hash_bytes(wanted->parent->hash, wanted->address, strlen(wanted->address));
    struct tree_node *node = builder->chains[wanted->hash & (builder->size - 1)];
    while (node != NULL && !is_same(node, wanted)) {
        node = node->chained;
    }
    return node;
}

static struct tree_node *find_or_add(struct builder *builder, struct tree_node wanted)
{
    struct tree_node *node = find(builder, &wanted);
    if (node != NULL) {
        return node;
    }
    if (++builder->count > builder->size) {
        grow(builder);
    }
    struct tree_node *parent = wanted.parent;
    node = arena_alloc(builder->arena, sizeof *node);
    *node = wanted;
    node->depth = parent->depth + 1;
    *(parent->last != NULL ? &parent->last->next : &parent->first) = node;
    parent->last = node;
    chain(builder, node);
    return node;
}

/* A recipient that has a note speaks for all of its alias, which may name many files. */
static bool is_told(const struct builder *builder, struct tree_node again)
{
    again.again = false;
    const struct tree_node *told = find(builder, &again);
    return told != NULL && told->recipient->note != NULL;
}

static void add(struct builder *builder, struct tree_node *root,
                const struct expanded_recipient *recipient, bool again)
{
    struct tree_node *node = root;
    for (size_t i = 0; i < recipient->via_count; i++) {
        const struct via_step *alias = &recipient->via[i];
        node = find_or_add(
            builder,
            (struct tree_node){.parent = node, .address = alias->address, .alias = alias});
    }
    const struct tree_node leaf = {.parent = node,
                                   .address = recipient->address,
                                   .recipient = recipient,
                                   .again = again};
    if (!again || !is_told(builder, leaf)) {
        find_or_add(builder, leaf);
    }
}

const struct tree_node *resolve_tree_new(struct arena *arena,
                                         const struct expansion *expansion)
{
    struct builder builder = {.arena = arena};
    struct tree_node *root = arena_alloc(arena, sizeof *root);
    grow(&builder);
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        add(&builder, root, &expansion->recipients[i], false);
    }
    for (size_t i = 0; i < expansion->double_count; i++) {
        add(&builder, root, &expansion->doubles[i], true);
    }
    return root;
}

const struct tree_node *resolve_tree_next(const struct tree_node *node)
{
    if (node->first != NULL) {
        return node->first;
    }
    while (node != NULL && node->next == NULL) {
        node = node->parent;
    }
    return node != NULL ? node->next : NULL;
}
