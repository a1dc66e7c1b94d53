/* SPDX-License-Identifier: MIT */
#include "ldap/attribute.h"

#include "base/text.h"

enum relation { UNRELATED, IS_SUBTYPE, IS_SUPERTYPE };

/* How other stands to name: `mail;lang-en` is a subtype of `mail`, and so is `mail`. */
static enum relation relate(const char *name, const char *other)
{
    while (*name != '\0' && text_fold_char(*name) == text_fold_char(*other)) {
        name++;
        other++;
    }
    if (*name == '\0' && (*other == '\0' || *other == ';')) {
        return IS_SUBTYPE;
    }
    return *other == '\0' && *name == ';' ? IS_SUPERTYPE : UNRELATED;
}

const char *ldap_use_name(enum ldap_use use)
{
    static const char *const names[] = {"none", "result", "follow"};
    return names[use];
}

/* Of some requested attributes, is one among those present? Options count here: what is
 * asked is whether the entry has exactly this one. */
static bool has_any(const char *const *names, size_t count, const char *const *present)
{
    for (size_t i = 0; i < count; i++) {
        for (const char *const *at = present; *at != NULL; at++) {
            if (text_equal_folded(names[i], *at)) {
                return true;
            }
        }
    }
    return false;
}

void ldap_entry_begin(struct ldap_entry *entry, const struct ldap_attributes *attributes,
                      const char *const *present)
{
    const char *const *special = attributes->names + attributes->plain_count;
    size_t special_count = attributes->count - attributes->plain_count;
    entry->is_terminal = entry->is_terminal ||
                         has_any(attributes->names, attributes->terminal_count, present);
    if (!entry->is_terminal && attributes->leaf_count > 0) {
        entry->is_parent = entry->is_parent || has_any(special, special_count, present);
    }
}

enum ldap_use ldap_entry_use(const struct ldap_entry *entry,
                             const struct ldap_attributes *attributes,
                             const char *attribute)
{
    size_t i = 0;
    while (i < attributes->count && relate(attributes->names[i], attribute) != IS_SUBTYPE) {
        i++;
    }
    bool is_leaf_only = i < attributes->terminal_count + attributes->leaf_count;
    if (entry->is_terminal) {
        bool counts = i < attributes->terminal_count && !entry->is_parent;
        return counts ? LDAP_USE_RESULT : LDAP_USE_NONE;
    }
    if (i < attributes->plain_count) {
        return entry->is_parent && is_leaf_only ? LDAP_USE_NONE : LDAP_USE_RESULT;
    }
    return i < attributes->count ? LDAP_USE_FOLLOW : LDAP_USE_NONE;
}

const char *const *ldap_attributes_of_url(const struct ldap_attributes *attributes,
                                          const char *const *listed, struct arena *arena)
{
    if (listed == NULL || listed[0] == NULL) {
        return attributes->names;
    }
    const char **wanted = NULL;
    size_t count = 0;
    size_t size = 0;
    for (const char *const *at = listed; *at != NULL; at++) {
        for (size_t i = 0; i < attributes->count; i++) {
            enum relation relation = relate(*at, attributes->names[i]);
            if (relation != UNRELATED) {
                wanted = arena_grow(arena, wanted, count, &size, sizeof *wanted);
                wanted[count++] =
                    relation == IS_SUBTYPE ? attributes->names[i] : arena_copy(arena, *at);
            }
        }
    }
    if (wanted != NULL) {
        wanted = arena_grow(arena, wanted, count, &size, sizeof *wanted);
        wanted[count] = NULL;
    }
    return wanted;
}
