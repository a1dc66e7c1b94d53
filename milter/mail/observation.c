/* SPDX-License-Identifier: MIT */
#include "mail/observation.h"

#include <string.h>

struct observation *observation_add(struct observation_list *list, struct arena *arena,
                                    enum observation_kind kind, const char *name)
{
    struct observation *observation = arena_alloc(arena, sizeof *observation);
    observation->kind = kind;
    observation->name = arena_copy(arena, name);
    if (list->last != NULL) {
        list->last->next = observation;
    } else {
        list->first = observation;
    }
    list->last = observation;
    list->count++;
    return observation;
}

const struct observation *observation_find(const struct observation_list *list,
                                           enum observation_kind kind, const char *name,
                                           const struct value_list *arguments)
{
    for (const struct observation *at = list->first; at != NULL; at = at->next) {
        if (at->kind == kind && strcmp(at->name, name) == 0 &&
            value_list_equal(&at->arguments, arguments)) {
            return at;
        }
    }
    return NULL;
}

const char *observation_kind_name(enum observation_kind kind)
{
    switch (kind) {
    case OBSERVATION_INPUT:
        return "input";
    case OBSERVATION_ANSWER:
        return "answer";
    case OBSERVATION_NOTE:
        return "note";
    case OBSERVATION_EDIT:
        return "edit";
    }
    return "invalid";
}
