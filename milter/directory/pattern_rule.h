/* SPDX-License-Identifier: MIT */
/* Rules of a pcre table and the pieces of their results. Private to pattern*.c. */
#ifndef FOREGATE_DIRECTORY_PATTERN_RULE_H
#define FOREGATE_DIRECTORY_PATTERN_RULE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_kind { RULE_MATCH, RULE_IF, RULE_ENDIF };

enum { NO_ENDIF = -1, NO_IF = -1 };

struct rule {
    enum rule_kind kind;
    int line;
    bool negated;
    pcre2_code *code;
    const char *expression; /* as written, without delimiters and flags */
    const char *result;     /* RULE_MATCH */
    bool substitutes;       /* result holds references; otherwise $$ is already $ */
    int endif;              /* RULE_IF: place of the RULE_ENDIF, or NO_ENDIF */
    int inside;             /* place of the RULE_IF round it, or NO_IF */
};

struct pattern_table {
    struct rule *rules;
    int count;
    size_t size;
    size_t match_count;
    uint32_t capture_count; /* of the rule with the most */
    pcre2_match_context *limits;
    const char *file;
};

/* One look-up: the subject and PCRE2's workspace for it. */
struct lookup {
    const struct pattern_table *table;
    const char *address;
    size_t length;
    pcre2_match_data *data;
    int error; /* PCRE2's, when a match could not be decided */
};

void lookup_begin(struct lookup *lookup, const struct pattern_table *table,
                  const char *address);
void lookup_end(struct lookup *lookup);

/* The rule alone, its negation counted in. */
bool lookup_matches(struct lookup *lookup, const struct rule *rule);

struct piece {
    const char *text;
    size_t length;
    bool is_reference;
};

/* Takes the next piece of a result, literal text or the name of a reference, off *text;
 * false at the end. An unclosed or empty reference gives a reference of length 0. */
bool piece_next(const char **text, struct piece *piece);

/* 0 when it is no number or beyond any range. */
uint32_t piece_reference(const struct piece *piece);

bool pattern_is_alphanumeric(char c);

#endif
