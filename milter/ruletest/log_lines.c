/* SPDX-License-Identifier: MIT */
#include "ruletest/log_lines.h"

#include "base/arena.h"
#include "base/log.h"

#include <assert.h>
#include <pthread.h>

enum { LINES = 5000 };

static struct {
    pthread_mutex_t lock; /* protects all below */
    struct arena *arena;  /* NULL: nothing yet */
    const char *lines[LINES];
    size_t count;
    bool lost;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep(const struct log_line *line)
{
    pthread_mutex_lock(&kept.lock);
    if (kept.count < LINES) {
        kept.arena = kept.arena != NULL ? kept.arena : arena_new();
        kept.lines[kept.count++] =
            arena_copy_bytes(kept.arena, line->text, line->length - 1);
    } else {
        kept.lost = true;
    }
    pthread_mutex_unlock(&kept.lock);
}

void log_lines_begin(void)
{
    log_configure(LOG_DEBUG, LOG_FORMAT_TEXT);
    log_capture(keep);
}

void log_lines_clear(void)
{
    pthread_mutex_lock(&kept.lock);
    if (kept.arena != NULL) {
        arena_free(&kept.arena);
    }
    kept.count = 0;
    kept.lost = false;
    pthread_mutex_unlock(&kept.lock);
}

size_t log_lines_count(void)
{
    pthread_mutex_lock(&kept.lock);
    size_t count = kept.count;
    pthread_mutex_unlock(&kept.lock);
    return count;
}

const char *log_lines_get(size_t index)
{
    pthread_mutex_lock(&kept.lock);
    assert(index < kept.count);
    const char *line = kept.lines[index];
    pthread_mutex_unlock(&kept.lock);
    return line;
}

bool log_lines_is_full(void)
{
    pthread_mutex_lock(&kept.lock);
    bool lost = kept.lost;
    pthread_mutex_unlock(&kept.lock);
    return lost;
}
