/* SPDX-License-Identifier: MIT */
#include "mail/decision_id.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/* " (id K7Q2M9XA)" */
enum { ADDED_BYTES = sizeof " (id )" - 1 + DECISION_ID_CHARACTERS };

/* Never fails for so few bytes, but for a signal before the kernel has random ones. */
static uint64_t random_number(void)
{
    uint64_t number;
    ssize_t length;
    do {
        length = getrandom(&number, sizeof number, 0);
    } while (length < 0 && errno == EINTR);
    assert(length == (ssize_t)sizeof number);
    return number;
}

const char *decision_id_new(struct arena *arena)
{
    uint64_t number = random_number();
    char *id = arena_alloc(arena, DECISION_ID_CHARACTERS + 1);
    for (int i = 0; i < DECISION_ID_CHARACTERS; i++) {
        id[i] = alphabet[number % (sizeof alphabet - 1)];
        number /= sizeof alphabet - 1;
    }
    return id;
}

const char *decision_id_text(struct arena *arena, const struct verdict *verdict)
{
    if (verdict->id == NULL) {
        return verdict->text;
    }
    size_t length = strnlen(verdict->text, VERDICT_TEXT_BYTES - ADDED_BYTES);
    return arena_format(arena, "%.*s (id %s)", (int)length, verdict->text, verdict->id);
}
