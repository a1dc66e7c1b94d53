/* SPDX-License-Identifier: MIT */
/* Look-ups of the model, on a snapshot. */
#ifndef FOREGATE_TESTS_FUZZ_RESOLVE_TABLES_H
#define FOREGATE_TESTS_FUZZ_RESOLVE_TABLES_H

#include "mail/address_list.h"
#include "mail/key_set.h"
#include "resolve_model.h"

/* One address that goes through cleanup(8), and the local addresses it went through. */
struct round {
    struct round *next;
    const char *start;
    struct model_list arrivals;
};

struct model {
    struct arena *arena;
    const struct snapshot *snapshot;
    const struct directory_settings *settings;
    struct round *round, *last; /* this one, and the last that waits */
    struct key_set *seen;   /* "depth address" of one local delivery; depth 0: sent on */
    struct model_list sent; /* of it */
    struct key_set *delivered;
    size_t replacements, steps;
    struct model_result result;
};

/* An address cut up; domain may be NULL. */
struct cut {
    const char *local, *base, *detail, *domain;
};

void model_push(struct model *model, struct model_list *list, const char *item);
void model_fail(struct model *model, bool by_table);

struct cut model_cut(struct model *model, const char *internal);
struct address_list model_parse(struct model *model, const char *value);

struct answer model_ask(struct model *model, enum question_kind kind, const char *key);

/* Rule 7: the strict search, or the loose one of RCPT. */
bool model_find(struct model *model, const char *internal, bool loose,
                struct answer *answer, enum match_kind *match);

/* Rules 7 and 8. */
struct model_step model_take_step(struct model *model, const char *internal);

/* UNKNOWN: of aliases only; MAILBOX: managed. Fails the model when a pattern does. */
enum recipient_class model_class_of_domain(struct model *model, const char *domain);
const char *model_account_of(struct model *model, const char *internal); /* or NULL */

#endif
