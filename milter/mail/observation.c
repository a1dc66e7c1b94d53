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
