/* SPDX-License-Identifier: MIT */
/* A pcre table as Postfix reads it: rules in order, if/endif, $1 in results. Immutable once
 * parsed and shared by threads. Source: Postfix util/dict_pcre.c, util/mac_parse.c. */
#ifndef FOREGATE_DIRECTORY_PATTERN_H
#define FOREGATE_DIRECTORY_PATTERN_H

#include "base/arena.h"
#include "base/error.h"
#include "directory/finding.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct pattern_table;

/* Rules that Postfix skips are skipped and become findings, which may be NULL. file is
 * borrowed for as long as the findings live. The table lives in the arena, but what PCRE2
 * allocates does not: pattern_table_deinit before the arena goes, also when this fails,
 * which it does only when the stream cannot be read to its end as text. */
bool pattern_table_parse(struct arena *arena, FILE *stream, const char *file,
                         struct finding_list *findings, struct pattern_table **table,
                         struct error *error);
void pattern_table_deinit(struct pattern_table *table);

/* Any thread. The result, maybe empty, is put into the arena. FAILED when a rule needs more
 * backtracking than the limits allow: one address must not hold a thread. Postfix, with
 * higher limits, would take such a rule for one that does not match. */
struct answer pattern_table_find(const struct pattern_table *table, const char *address,
                                 struct arena *arena);

size_t pattern_table_count(const struct pattern_table *table); /* rules with a result */

/* A rule with a result, for those who look through all of them. */
struct pattern_rule {
    int line;
    const char *expression; /* as written, without delimiters and flags */
    const char *result;
    bool substitutes; /* result holds references to groups */
    int place;        /* private */
};

/* All of them in order; *cursor begins at 0. */
bool pattern_table_next(const struct pattern_table *table, int *cursor,
                        struct pattern_rule *rule);

/* Does this rule match, whatever the rules before it do? The `if`s round it count. */
bool pattern_rule_matches(const struct pattern_table *table,
                          const struct pattern_rule *rule, const char *address);

#endif
