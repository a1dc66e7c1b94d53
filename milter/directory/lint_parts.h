/* SPDX-License-Identifier: MIT */
/* What the parts of the linter share: the snapshot, memory for one address, a budget of
 * look-ups, and findings that are told once for many addresses. Private to lint*.c. */
#ifndef FOREGATE_DIRECTORY_LINT_PARTS_H
#define FOREGATE_DIRECTORY_LINT_PARTS_H

#include "directory/finding.h"
#include "directory/resolve.h"
#include "directory/search.h"
#include "directory/snapshot_build.h"

#include <stdbool.h>
#include <stddef.h>

struct lint {
    const struct snapshot *snapshot;
    struct finding_list *findings;
    struct arena *arena;          /* for the whole run */
    struct arena *scratch;        /* for one address, alias or rule */
    struct table account_domains; /* domain -> "", line of its first account */
    struct table domain_kinds;    /* domain -> "", its lint_domain for a line */
    size_t budget;                /* look-ups that are left */
    struct key_set *loops;        /* places of the loops that were reported */
    int slow_line;                /* of a pattern that gave up, or 0 */
};

/* What a question of the resolver costs of the budget, with what it does about the answer.
 */
enum { LINT_RESOLVE_COST = 6 };

/* What a look-up of one address found first. Strings live in scratch or the snapshot. */
struct lint_step {
    enum answer_kind kind; /* FAILED also when the budget is spent: nothing is known */
    enum question_kind question; /* that was answered */
    enum match_kind match;
    const char *key; /* of the question */
    const char *value;
    int line;
    size_t detail; /* length of the detail that goes on to the targets */
};

struct lint_step lint_search(struct lint *lint, enum search_keys keys,
                             const char *internal);

/* The whole expansion, in scratch; NULL when the budget is spent. */
const struct expansion *lint_resolve(struct lint *lint, const char *internal);

/* Whose mail an address is, by its domain. */
enum lint_domain { LINT_LOCAL, LINT_ALIASES_ONLY, LINT_MANAGED, LINT_FOREIGN };

enum lint_domain lint_domain(struct lint *lint, const char *internal);

bool lint_has_accounts(const struct lint *lint, const char *domain);

/* In which file an alias stands that was found this way. */
const char *lint_file(enum match_kind match);

/* Addresses that one line does the same to; keys are borrowed. Zeroed is empty. */
struct lint_hit {
    int line;
    const char *key;
};

struct lint_hits {
    struct lint_hit *entries;
    size_t count, size;
};

struct lint_group {
    int line;
    size_t count;
    char names[400]; /* "a, b, c and 7 more" */
};

void lint_hits_add(struct lint_hits *hits, int line, const char *key);

/* The next line with all its addresses; *cursor begins at 0. Nothing is added any more. */
bool lint_hits_next(struct lint_hits *hits, size_t *cursor, struct lint_group *group);
void lint_hits_free(struct lint_hits *hits);

/* A local-part that stands for all that have no line of their own. */
#define LINT_NOBODY "nosuchname"

/* The targets of one alias. */
struct lint_value {
    const char *file;
    int line;
    const char *name; /* of the alias, as findings call it */
    const char *key;  /* internal form of its address; NULL for a pattern or @domain */
    const char *value;
    bool is_local;  /* of postfix-aliases.cf */
    bool is_single; /* set by lint_targets: there is one target */
};

/* Reports what is wrong with them, one by one. True: they lead on to other aliases. */
bool lint_targets(struct lint *lint, struct lint_value *value);

/* Reports a loop, or limits that are passed, behind the alias with this address. */
void lint_expansion(struct lint *lint, const struct lint_value *value,
                    const char *internal);

/* One loop for all that lead into it. steps: its members in order. */
struct lint_member {
    const char *file;
    int line;
    const char *name;
};

void lint_report_loop(struct lint *lint, const struct lint_member *members, size_t count);

void lint_accounts(struct lint *lint);
void lint_aliases(struct lint *lint);
void lint_domains(struct lint *lint);
void lint_local(struct lint *lint);
void lint_patterns(struct lint *lint);
void lint_quotas(struct lint *lint);

/* Reports a key of postfix-virtual.cf that Postfix never looks for. */
void lint_key(struct lint *lint, const struct table_entry *alias);

#endif
