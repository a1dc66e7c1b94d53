/* SPDX-License-Identifier: MIT */
/* What each attribute of an entry is for: a value of the answer, a DN or URL to follow, or
 * nothing. Source: Postfix 3.7 global/dict_ldap.c, dict_ldap_get_values. */
#ifndef FOREGATE_LDAP_ATTRIBUTE_H
#define FOREGATE_LDAP_ATTRIBUTE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* names are in this order and end with NULL: terminal_result_attribute,
 * leaf_result_attribute, result_attribute, special_result_attribute. That is the list to
 * ask the server for. */
struct ldap_attributes {
    const char *const *names;
    size_t terminal_count, leaf_count;
    size_t plain_count; /* of the three that are no special ones */
    size_t count;
};

enum ldap_use { LDAP_USE_NONE, LDAP_USE_RESULT, LDAP_USE_FOLLOW };

const char *ldap_use_name(enum ldap_use use);

/* Zeroed before the first entry of each search. It goes from entry to entry: as in Postfix,
 * one without terminal or special attributes is taken like the one before. */
struct ldap_entry {
    bool is_terminal; /* has a terminal attribute: nothing else of it counts */
    bool is_parent;   /* leads to others: its leaf attributes do not count */
};

/* present: the attributes of the entry that have values, then NULL. */
void ldap_entry_begin(struct ldap_entry *entry, const struct ldap_attributes *attributes,
                      const char *const *present);

/* What the values of one of them are for. */
enum ldap_use ldap_entry_use(const struct ldap_entry *entry,
                             const struct ldap_attributes *attributes,
                             const char *attribute);

/* What to ask for when an LDAP URL is followed that has a list of attributes (ends with
 * NULL; NULL or empty: it has none). Ends with NULL, in the arena; NULL: nothing of it is
 * of use, and it is not followed. */
const char *const *ldap_attributes_of_url(const struct ldap_attributes *attributes,
                                          const char *const *listed, struct arena *arena);

#endif
