/* SPDX-License-Identifier: MIT */
#include "mail/decision.h"

struct decision *decision_add(struct decision_list *list)
{
    list->entries = arena_grow(list->arena, list->entries, list->count, &list->size,
                               sizeof *list->entries);
    struct decision *decision = &list->entries[list->count++];
    *decision = (struct decision){.observations = list->observations};
    list->observations = (struct observation_list){0};
    return decision;
}

bool decision_is_full(const struct decision_list *list)
{
    return list->is_closed || list->observations.count >= OBSERVATION_COUNT ||
           list->observed_bytes >= OBSERVATION_BYTES;
}

struct observation *decision_observe(struct decision_list *list, enum observation_kind kind,
                                     const char *name)
{
    if (!list->complete) {
        return NULL;
    }
    if (decision_is_full(list)) {
        list->observations.dropped_count++;
        return NULL;
    }
    return observation_add(&list->observations, list->observed, kind, name);
}
