/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most messages fit into one block; the first block is kept by reset. */
enum { BLOCK_BYTES = 4096, FIRST_ITEMS = 4 };

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *newest; /* allocation happens here */
    size_t used;
};

static struct block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block)) {
        abort();
    }
    struct block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        abort();
    }
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL) {
        abort();
    }
    arena->newest = block_new(BLOCK_BYTES);
    arena->used = 0;
    return arena;
}

static void blocks_free(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_free(struct arena **arena)
{
    if (*arena == NULL) {
        return;
    }
    blocks_free((*arena)->newest);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    /* Keep a block of the usual size only, so that one huge message does not
     * hold its memory for the rest of a long session. */
    struct block *kept = NULL;
    struct block *block = arena->newest;
    while (block != NULL) {
        struct block *next = block->next;
        if (kept == NULL && block->size == BLOCK_BYTES) {
            kept = block;
            kept->next = NULL;
            kept->used = 0;
        } else {
            free(block);
        }
        block = next;
    }
    arena->newest = kept != NULL ? kept : block_new(BLOCK_BYTES);
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    if (size > SIZE_MAX - alignment) {
        abort();
    }
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    struct block *block = arena->newest;
    if (block->size - block->used < rounded) {
        block = block_new(rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES);
        if (rounded > BLOCK_BYTES && arena->newest->used < arena->newest->size) {
            /* A large piece gets its own block behind the current one, whose
             * rest stays in use. */
            block->next = arena->newest->next;
            arena->newest->next = block;
        } else {
            block->next = arena->newest;
            arena->newest = block;
        }
    }
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    return memset(memory, 0, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        abort();
    }
    return arena_alloc(arena, count * size);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *size,
                 size_t item_size)
{
    if (count < *size) {
        return items;
    }
    *size = *size > 0 ? *size * 2 : FIRST_ITEMS;
    void *larger = arena_array(arena, *size, item_size);
    if (count > 0) {
        memcpy(larger, items, count * item_size);
    }
    return larger;
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length)
{
    if (length == SIZE_MAX) {
        abort();
    }
    char *copy = arena_alloc(arena, length + 1);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy_bytes(arena, text, strlen(text)) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        abort();
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
