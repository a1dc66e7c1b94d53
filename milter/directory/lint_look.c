/* SPDX-License-Identifier: MIT */
/* Look-ups of the linter, within a budget: no volume, however its aliases lead on, holds
 * `check` up for minutes. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/lint_parts.h"
#include "directory/local.h"

#include <string.h>

/* In look-ups of a table: how many patterns cost one; what a question of the resolver about
 * a local alias costs, with what is done about the answer; and what a pattern that gives up
 * does. */
enum { PATTERNS_A_LOOKUP = 2, LOCAL_COST = 12, GIVEN_UP_COST = 20000 };

/* One question. */
static struct answer ask(struct lint *lint, const struct question *question, size_t cost)
{
    const struct snapshot *snapshot = lint->snapshot;
    if (question->kind == QUESTION_PATTERN && snapshot->patterns != NULL) {
        cost += pattern_table_count(snapshot->patterns) / PATTERNS_A_LOOKUP;
    }
    if (cost > lint->budget) {
        lint->budget = 0;
        return (struct answer){.kind = ANSWER_FAILED, .reason = "out of budget"};
    }
    lint->budget -= cost;
    struct answer answer = snapshot_answer(snapshot, question, lint->scratch);
    if (answer.kind == ANSWER_FAILED) {
        lint->budget -= lint->budget > GIVEN_UP_COST ? GIVEN_UP_COST : lint->budget;
        lint->slow_line = lint->slow_line > 0 ? lint->slow_line : answer.line;
    }
    return answer;
}

struct lint_step lint_search(struct lint *lint, enum search_keys keys, const char *internal)
{
    struct search search = {.arena = lint->scratch};
    search_begin(&search, keys, internal, &lint->snapshot->settings);
    const struct question *question;
    while ((question = search_question(&search)) != NULL) {
        struct answer answer = ask(lint, question, 1);
        if (answer.kind != ANSWER_NOT_FOUND) {
            const struct search_step *step = search_step(&search);
            return (struct lint_step){
                .kind = answer.kind,
                .question = question->kind,
                .match = step->match,
                .key = question->key,
                .value = answer.value,
                .line = answer.line,
                .detail =
                    step->without_detail ? search.local_length - search.base_length : 0};
        }
        search_advance(&search);
    }
    return (struct lint_step){.kind = ANSWER_NOT_FOUND};
}

const struct expansion *lint_resolve(struct lint *lint, const char *internal)
{
    struct address address;
    const struct directory_settings *settings = &lint->snapshot->settings;
    address_from_internal(lint->scratch, internal, &settings->rules, &address);
    struct resolve *resolve = resolve_begin(lint->scratch, &address, settings);
    const struct question *question;
    while ((question = resolve_next(resolve)) != NULL) {
        size_t cost = question->kind == QUESTION_LOCAL ? LOCAL_COST : LINT_RESOLVE_COST;
        struct answer answer = ask(lint, question, cost);
        if (lint->budget == 0) {
            return NULL;
        }
        resolve_answer(resolve, &answer);
    }
    return resolve_result(resolve);
}

static enum lint_domain find_domain(struct lint *lint, const char *internal)
{
    struct lint_step step = lint_search(lint, SEARCH_DOMAIN, internal);
    return step.kind != ANSWER_FOUND          ? LINT_FOREIGN
           : step.question == QUESTION_DOMAIN ? LINT_MANAGED
                                              : LINT_ALIASES_ONLY;
}

enum lint_domain lint_domain(struct lint *lint, const char *internal)
{
    const char *at = strrchr(internal, '@');
    if (at == NULL || local_has_domain(&lint->snapshot->settings, at + 1)) {
        return LINT_LOCAL;
    }
    const char *domain = text_fold_copy(lint->scratch, at + 1);
    struct table_entry known;
    if (table_find(&lint->domain_kinds, domain, &known)) {
        return (enum lint_domain)known.line;
    }
    enum lint_domain kind = find_domain(lint, internal);
    if (lint->budget > 0) {
        table_add(&lint->domain_kinds, domain, "", (int)kind);
    }
    return kind;
}

bool lint_has_accounts(const struct lint *lint, const char *domain)
{
    struct table_entry entry;
    return table_find(&lint->account_domains, text_fold_copy(lint->scratch, domain),
                      &entry);
}

const char *lint_file(enum match_kind match)
{
    return match == MATCH_PATTERN ? DMS_REGEXP
           : match == MATCH_LOCAL ? DMS_ALIASES
                                  : DMS_VIRTUAL;
}
