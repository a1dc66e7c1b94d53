/* SPDX-License-Identifier: MIT */
/* The header of one message, as the MTA shows it: in order, folded lines with LF. */
#ifndef FOREGATE_MAIL_HEADER_H
#define FOREGATE_MAIL_HEADER_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

struct header {
    const char *name;
    const char *value;
};

struct header_list {
    struct header *entries;
    size_t count;
    size_t size;
    size_t bytes;   /* on the wire, counted beyond the limit too */
    bool truncated; /* more than the limit: what is beyond is not kept */
};

/* Total and number that are kept; a message with more is refused. */
enum { HEADER_LIST_BYTES = 1 << 20, HEADER_LIST_COUNT = 10000 };

/* Copies name and value into the arena. */
void header_add(struct header_list *list, struct arena *arena, const char *name,
                const char *value);

/* The next header of that name behind one of the list (NULL: the first of all), case
 * ignored; NULL when there is none. */
const struct header *header_next(const struct header_list *list, const char *name,
                                 const struct header *before);

/* A name that may stand in a header: RFC 5322 2.2, at most 76 bytes. */
bool header_name_is_valid(const char *name);

/* No CR, LF or NUL (we fold nothing), at most 998 bytes (RFC 5322 2.1.1). */
bool header_value_is_valid(const char *value, size_t length);

#endif
