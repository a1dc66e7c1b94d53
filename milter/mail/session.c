/* SPDX-License-Identifier: MIT */
#include "mail/session.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Start time and a counter: unique without a lock, and in order in the log. */
static void id_fill(char id[SESSION_ID_BYTES])
{
    static atomic_uint_least32_t counter;
    uint32_t count = (uint32_t)atomic_fetch_add(&counter, 1);
    snprintf(id, SESSION_ID_BYTES, "%08" PRIx32 "%08" PRIx32, (uint32_t)clock_seconds(),
             count);
}

struct session *session_new(void)
{
    struct arena *arena = arena_new();
    struct session *session = arena_alloc(arena, sizeof *session);
    session->arena = arena;
    session->port = -1;
    session->ip = session->name = session->helo = session->listener = "";
    session->notes.type = VALUE_TABLE;
    id_fill(session->id);
    return session;
}

void session_free(struct session **session)
{
    if (*session == NULL) {
        return;
    }
    struct arena *arena = (*session)->arena; /* holds the session itself */
    arena_free(&arena);
    *session = NULL;
}

void session_set(struct session *session, const char **field, const char *text)
{
    if (text == NULL) {
        *field = NULL;
    } else if (*field == NULL || strcmp(*field, text) != 0) {
        *field = arena_copy(session->arena, text);
    }
}
