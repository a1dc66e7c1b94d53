/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once: one arena for a session, one for a
 * message, one for a snapshot. An arena belongs to one thread at a time. Out of
 * memory aborts: every size that reaches an arena is bounded by configuration,
 * the MTA applies its default action and the service manager restarts us. */
#ifndef FOREGATE_BASE_ARENA_H
#define FOREGATE_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);

/* Frees the arena and all that came from it, and clears the pointer. */
void arena_free(struct arena **arena);

/* Forgets all that came from the arena; keeps one block for the next use. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type, lives until reset or free. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* For arrays; aborts when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* The array, or a larger copy of it, with room for one more behind its count items; *size
 * counts the items there is room for. items may be NULL when *size is 0. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *size,
                 size_t item_size);

/* A copy with a NUL behind it. text may be NULL: then NULL. */
char *arena_copy(struct arena *arena, const char *text);
char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes handed out since new or reset, for limits. */
size_t arena_used(const struct arena *arena);

#endif
