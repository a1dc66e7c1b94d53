/* SPDX-License-Identifier: MIT */
#include "directory/ownership_text.h"

#include "base/text.h"
#include "mail/address.h"

/* Bytes of one name, and steps at either end of a way. */
enum { NAME_BYTES = 200, STEPS_SHOWN = 5 };

const char *ownership_name(struct arena *arena, const char *text)
{
    return text_printable(arena, text, NAME_BYTES);
}

static const char *how_found(const struct slot_origin *origin)
{
    switch (origin->match) {
    case MATCH_EXACT:
    case MATCH_LOCAL:
        return origin->several ? "alias of several" : "alias";
    case MATCH_PATTERN:
        return origin->several ? "pattern of several" : "pattern";
    case MATCH_BASE:
        return origin->several ? "alias of several, without its tag"
                               : "alias, without its tag";
    case MATCH_BARE:
        return origin->several ? "alias of several, without its domain"
                               : "alias, without its domain";
    case MATCH_CATCH_ALL:
        return origin->several ? "catch-all of several" : "catch-all";
    }
    return "?";
}

const char *ownership_way(struct arena *arena, const char *mailbox,
                          const struct slot_origin *origin)
{
    const char *text = ownership_name(arena, mailbox);
    size_t count = origin != NULL ? origin->depth : 0;
    for (size_t i = 0; i < count; i++, origin = origin->previous) {
        bool is_shown = i < STEPS_SHOWN || i + STEPS_SHOWN >= count;
        if (is_shown) {
            const char *name =
                ownership_name(arena, address_quote(arena, origin->internal));
            text = arena_format(arena, "%s -> %s (%s)", text, name, how_found(origin));
        } else if (i == STEPS_SHOWN) {
            text = arena_format(arena, "%s -> %zu more", text, count - 2 * STEPS_SHOWN);
        }
    }
    return text;
}

const char *ownership_needs(struct arena *arena, unsigned missing)
{
    /* In the order of the traits. */
    static const char *const names[] = {"nested", "catch_all",  "regexp",
                                        "group",  "subaddress", "account_alias"};
    const char *text = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((missing & 1U << i) != 0) {
            text = arena_format(arena, "%s%s spoof.%s = yes", text,
                                text[0] == '\0' ? ", which needs" : " and", names[i]);
        }
    }
    return text;
}
