/* SPDX-License-Identifier: MIT */
#include "mail/decision.h"

#include "base/hash.h"

#include <string.h>

struct decision *decision_add(struct decision_list *list)
{
    list->entries = arena_grow(list->arena, list->entries, list->count, &list->size,
                               sizeof *list->entries);
    struct decision *decision = &list->entries[list->count++];
    *decision = (struct decision){.observations = list->observations};
    if (decision->observations.count > 0) {
        list->observations = (struct observation_list){0};
        memset(list->alike, 0, sizeof list->alike);
    }
    list->observations.dropped_count = 0;
    return decision;
}

bool decision_is_full(const struct decision_list *list)
{
    return list->is_closed || list->observations.count >= OBSERVATION_COUNT ||
           list->observed_bytes >= OBSERVATION_BYTES;
}

static size_t bucket_of(const char *name, const struct value_list *arguments)
{
    uint64_t hash = hash_bytes(0, name, strlen(name));
    if (arguments->count > 0 && arguments->values[0].type == VALUE_TEXT) {
        const struct value *first = &arguments->values[0];
        hash = hash_bytes(hash, first->text.bytes, first->text.length);
    }
    return hash % DECISION_BUCKETS;
}

bool decision_has_observed(const struct decision_list *list, enum observation_kind kind,
                           const char *name, const struct value_list *arguments)
{
    const struct observation *at = list->alike[bucket_of(name, arguments)];
    while (at != NULL && (at->kind != kind || strcmp(at->name, name) != 0 ||
                          !value_list_equal(&at->arguments, arguments))) {
        at = at->alike;
    }
    return at != NULL;
}

struct observation *decision_observe(struct decision_list *list, enum observation_kind kind,
                                     const char *name, const struct value_list *arguments)
{
    if (!list->complete) {
        return NULL;
    }
    if (decision_is_full(list)) {
        list->observations.dropped_count++;
        return NULL;
    }
    struct observation *observation =
        observation_add(&list->observations, list->observed, kind, name);
    struct observation **bucket = &list->alike[bucket_of(name, arguments)];
    observation->arguments = *arguments;
    observation->alike = *bucket;
    *bucket = observation;
    return observation;
}
