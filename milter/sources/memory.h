/* SPDX-License-Identifier: MIT */
/* The sources as one message sees them: whatever it was told once it is told again, also
 * that somebody cannot tell, so that it never waits for one question twice, and sees no
 * change midway. Belongs to one thread at a time. */
#ifndef FOREGATE_SOURCES_MEMORY_H
#define FOREGATE_SOURCES_MEMORY_H

#include "directory/directory.h"
#include "sources/sources.h"
#include "sources/store.h"

/* Zeroed is ended. */
struct source_memory {
    struct sources *sources;
    const struct snapshot *snapshot;
    struct answer_store answers;
    size_t bytes; /* of its arena */
};

/* Further ones are asked, but not remembered. */
enum { MEMORY_ANSWERS = 20000, MEMORY_ANSWERS_BYTES = 16 << 20 };

/* sources: NULL where the snapshot knows all; then the directory asks it alone, and nothing
 * waits. The arena keeps what was answered; like the memory, it outlives the directory. */
struct directory source_memory_begin(struct source_memory *memory, struct sources *sources,
                                     const struct snapshot *snapshot, struct arena *arena);

/* Memory only: no wait. */
void source_memory_end(struct source_memory *memory);

#endif
