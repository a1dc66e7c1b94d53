/* SPDX-License-Identifier: MIT */
/* From a key to a search, and from the values it finds to the text of an answer, as Postfix
 * does it: templates with %s %u %d (of the key, or in result_format of the value), %S %U %D
 * and %1 to %9 (of the key), and keys that are not asked for at all. Nothing here waits or
 * is written to but what the caller hands over: any thread. Sources: Postfix 3.7
 * global/db_common.c, global/dict_ldap.c; RFC 4514 and RFC 4515 for what is escaped. */
#ifndef FOREGATE_LDAP_EXPAND_H
#define FOREGATE_LDAP_EXPAND_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a template; and of a key, which Postfix does not let grow so long. */
enum { LDAP_TEMPLATE_BYTES_MAX = 4096, LDAP_KEY_BYTES_MAX = 4096 };

/* A member of `domain =`. */
struct ldap_domain {
    const char *name; /* in small letters */
    bool is_excluded; /* `!name` */
};

/* What a table says of keys and values. Strings are borrowed and live as long as it. */
struct ldap_expansion {
    const char *search_base, *query_filter, *result_format;
    const struct ldap_domain *domains; /* the first that matches counts; none: any key */
    size_t domain_count;
    size_t value_limit;    /* expansion_limit; 0: no other than LDAP_ANSWER_BYTES_MAX */
    bool has_dynamic_base; /* the base depends on the key: not finding it is NOT_FOUND */
    unsigned needs;        /* private, as labels: set by ldap_expansion_prepare */
    int labels;
};

/* False, CONFIG, for a template that is too long or holds a `%` that means nothing. */
bool ldap_template_check(const char *text, struct error *error);

/* Once the three templates, which ldap_template_check lets pass, are in place. */
void ldap_expansion_prepare(struct ldap_expansion *expansion);

/* Strings live in the arena of the call. */
struct ldap_query {
    const char *base, *filter; /* values of the key escaped; NULL when it is skipped */
    const char *skipped;       /* why there is nothing to ask, for `explain`; else NULL */
};

/* False: Postfix does not ask for such a key; the answer is NOT_FOUND. The key is what
 * Postfix would look up: in external form, in small letters. */
bool ldap_query_make(const struct ldap_expansion *expansion, const char *key,
                     struct arena *arena, struct ldap_query *query);

/* The values of one answer, over all its entries and those they lead to. */
struct ldap_values {
    const struct ldap_expansion *expansion; /* borrowed, like key */
    const char *key;
    struct buffer text;
    size_t count; /* values that came into it */
};

enum { LDAP_ANSWER_BYTES_MAX = 1 << 20 };

void ldap_values_init(struct ldap_values *values, const struct ldap_expansion *expansion,
                      const char *key);
void ldap_values_deinit(struct ldap_values *values);

/* A value of an attribute that is LDAP_USE_RESULT; an empty one, and one that lacks what
 * result_format needs, is left out. False, REMOTE: the answer is FAILED, since it has more
 * values than expansion_limit, is larger than LDAP_ANSWER_BYTES_MAX, or holds a NUL byte.
 */
bool ldap_values_add(struct ldap_values *values, const char *bytes, size_t length,
                     struct error *error);

/* FOUND: *text are the values with commas between them, in the arena; else NOT_FOUND. */
enum answer_kind ldap_values_end(const struct ldap_values *values, struct arena *arena,
                                 const char **text);

#endif
