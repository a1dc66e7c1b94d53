/* SPDX-License-Identifier: MIT */
/* Which addresses would a reader see in a text: a display name, a comment, a header that
 * cannot be read for certain? Tolerant, where address_list_parse_header is strict: rather
 * one address too many. */
#ifndef FOREGATE_MAIL_ADDRESS_SEARCH_H
#define FOREGATE_MAIL_ADDRESS_SEARCH_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Beyond these the search ends. */
enum {
    ADDRESS_SEARCH_FOUND = 50,
    ADDRESS_SEARCH_SIGNS = 1000,
    ADDRESS_SEARCH_BYTES = 16384
};

/* Zeroed before the first search, which may be followed by others. */
struct address_search {
    const char *found[ADDRESS_SEARCH_FOUND]; /* internal forms with a domain, each once */
    size_t count;
    bool truncated; /* there may be more: be suspicious */
};

/* In any bytes, invalid UTF-8 too. Characters of other widths are read as plain ones,
 * unseen ones not at all; blanks and comments around `@` and the dots of the domain are
 * bridged, comments are looked into as well. Every `@` counts; when it cannot be told where
 * an address begins or ends, there is one for each reading. A domain has a dot, or is a
 * literal. */
void address_search_text(struct arena *arena, const char *text,
                         struct address_search *search);

/* In a whole header body as it came: also within encoded words. */
void address_search_header(struct arena *arena, const char *whole,
                           struct address_search *search);

/* One that is known to be there; borrowed. */
void address_search_add(struct address_search *search, const char *internal);

#endif
