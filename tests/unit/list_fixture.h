/* SPDX-License-Identifier: MIT */
/* An address list as one line. */
#ifndef FOREGATE_TESTS_LIST_FIXTURE_H
#define FOREGATE_TESTS_LIST_FIXTURE_H

#include "mail/address_list.h"

/* `internal` of every entry, with its display name in braces if it has one. */
static inline const char *join(struct arena *arena, const struct address_list *list)
{
    const char *text = "";
    for (size_t i = 0; i < list->count; i++) {
        const struct listed_address *entry = &list->entries[i];
        text = arena_format(arena, "%s%s%s", text, i > 0 ? " | " : "", entry->internal);
        if (entry->display_name[0] != '\0') {
            text = arena_format(arena, "%s {%s}", text, entry->display_name);
        }
    }
    return text;
}

#endif
