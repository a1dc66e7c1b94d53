/* SPDX-License-Identifier: MIT */
#include "resolve_tables.h"

#include "base/text.h"
#include "directory/local.h"

#include <string.h>

void model_push(struct model *model, struct model_list *list, const char *item)
{
    list->items = arena_grow(model->arena, list->items, list->count, &list->size,
                             sizeof *list->items);
    list->items[list->count++] = item;
}

bool model_has(const struct model_list *list, const char *internal)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->items[i], internal) != 0) {
        i++;
    }
    return i < list->count;
}

bool model_has_folded(const struct model_list *list, const char *internal)
{
    size_t i = 0;
    while (i < list->count && !text_equal_folded(list->items[i], internal)) {
        i++;
    }
    return i < list->count;
}

struct cut model_cut(struct model *model, const char *internal)
{
    struct cut cut;
    const char *at = strrchr(internal, '@');
    size_t length = at != NULL ? (size_t)(at - internal) : strlen(internal);
    cut.local = arena_copy_bytes(model->arena, internal, length);
    size_t base = address_split(cut.local, model->settings->rules.delimiters);
    cut.base = arena_copy_bytes(model->arena, internal, base);
    cut.detail = cut.local + base;
    cut.domain = at != NULL ? at + 1 : NULL;
    return cut;
}

static const char *model_join(struct model *model, const char *local, const char *domain)
{
    return domain != NULL ? arena_format(model->arena, "%s@%s", local, domain) : local;
}

struct answer model_ask(struct model *model, enum question_kind kind, const char *key)
{
    const struct question question = {kind, key};
    return snapshot_answer(model->snapshot, &question, model->arena);
}

/* In the indexed table: keys are folded external forms. */
static bool model_look_up(struct model *model, const char *local, const char *domain,
                          bool unquoted, struct answer *answer)
{
    const char *key = model_join(model, local, domain);
    if (!unquoted) {
        size_t size = strlen(local) + (domain != NULL ? strlen(domain) : 0);
        char *external = arena_alloc(model->arena, ADDRESS_QUOTED_BYTES(size));
        address_write_external(external, local, strlen(local), domain);
        key = external;
    }
    *answer = model_ask(model, QUESTION_TABLE, text_fold_copy(model->arena, key));
    return answer->kind == ANSWER_FOUND;
}

static bool model_look_up_pattern(struct model *model, const char *key,
                                  struct answer *answer)
{
    *answer = model_ask(model, QUESTION_PATTERN, key);
    return answer->kind != ANSWER_NOT_FOUND;
}

/* Rule 7, of the strict search; loose at RCPT. */
bool model_find(struct model *model, const char *internal, bool loose,
                struct answer *answer, enum match_kind *match)
{
    struct cut parts = model_cut(model, internal);
    bool local = parts.domain != NULL &&
                 (text_equal_folded(parts.domain, model->settings->rules.myorigin) ||
                  local_has_domain(model->settings, parts.domain));
    for (int unquoted = 0; unquoted <= loose; unquoted++) {
        const char *key = unquoted ? internal : address_quote(model->arena, internal);
        *match = MATCH_EXACT;
        if (model_look_up(model, parts.local, parts.domain, unquoted, answer)) {
            return true;
        }
        *match = MATCH_PATTERN;
        if (model_look_up_pattern(model, key, answer)) {
            return true;
        }
    }
    *match = MATCH_BASE;
    for (int unquoted = 0; unquoted <= loose && parts.detail[0] != '\0'; unquoted++) {
        if (model_look_up(model, parts.base, parts.domain, unquoted, answer)) {
            return true;
        }
    }
    *match = MATCH_BARE;
    for (int unquoted = 0; unquoted <= loose && local; unquoted++) {
        if (model_look_up(model, parts.local, NULL, unquoted, answer)) {
            return true;
        }
    }
    *match = MATCH_BASE;
    for (int unquoted = 0; unquoted <= loose && local && parts.detail[0] != '\0';
         unquoted++) {
        if (model_look_up(model, parts.base, NULL, unquoted, answer)) {
            return true;
        }
    }
    *match = MATCH_CATCH_ALL;
    if (parts.domain == NULL) {
        return false;
    }
    const char *key = arena_format(model->arena, "@%s", parts.domain);
    *answer = model_ask(model, QUESTION_TABLE, text_fold_copy(model->arena, key));
    return answer->kind == ANSWER_FOUND;
}

struct address_list model_parse(struct model *model, const char *value)
{
    struct address_list list = {0};
    address_list_parse_value(model->arena, value, &list);
    return list;
}

static const char *with_detail(struct model *model, const char *internal,
                               const char *detail)
{
    const char *at = strrchr(internal, '@');
    return at == NULL ? arena_format(model->arena, "%s%s", internal, detail)
                      : arena_format(model->arena, "%.*s%s%s", (int)(at - internal),
                                     internal, detail, at);
}

struct model_step model_take_step(struct model *model, const char *internal)
{
    struct model_step step = {0};
    struct answer answer;
    step.found = model_find(model, internal, false, &answer, &step.match);
    if (!step.found) {
        return step;
    }
    step.fails = answer.kind == ANSWER_FAILED || answer.value[0] == '\0';
    if (step.fails) {
        return step;
    }
    struct cut parts = model_cut(model, internal);
    bool carries = step.match == MATCH_BASE;
    const char *value = answer.value;
    if (value[0] == '@') {
        value = address_quote(
            model->arena,
            arena_format(model->arena, "%s%s", carries ? parts.base : parts.local, value));
    }
    struct address_list list =
        model_parse(model, strcmp(value, "<>") == 0 ? "\"\"" : value);
    for (size_t i = 0; i < list.count; i++) {
        const char *target = address_complete(model->arena, list.entries[i].external,
                                              &model->settings->rules);
        model_push(model, &step.targets,
                   with_detail(model, target, carries ? parts.detail : ""));
    }
    step.fails = list.count == 0;
    return step;
}

void model_fail(struct model *model, bool by_table)
{
    if (!model->result.fails) {
        model->result.fails = true;
        model->result.by_table = by_table;
    }
}

/* Whose is this domain? */
enum recipient_class model_class_of_domain(struct model *model, const char *domain)
{
    const char *key = text_fold_copy(model->arena, domain);
    struct answer pattern;
    if (model_ask(model, QUESTION_ALIAS_DOMAIN, key).kind == ANSWER_FOUND) {
        return CLASS_UNKNOWN;
    }
    if (model_look_up_pattern(model, key, &pattern)) {
        if (pattern.kind == ANSWER_FAILED) {
            model_fail(model, true);
        }
        return CLASS_UNKNOWN;
    }
    return model_ask(model, QUESTION_DOMAIN, key).kind == ANSWER_FOUND ? CLASS_MAILBOX
                                                                       : CLASS_EXTERNAL;
}

const char *model_account_of(struct model *model, const char *internal)
{
    struct cut parts = model_cut(model, internal);
    const char *forms[] = {parts.local, parts.base};
    for (size_t i = 0; i < 2; i++) {
        const char *plain = model_join(model, forms[i], parts.domain);
        const char *keys[] = {address_quote(model->arena, plain), plain};
        for (size_t j = 0; j < 2; j++) {
            struct answer answer =
                model_ask(model, QUESTION_MAILBOX, text_fold_copy(model->arena, keys[j]));
            if (answer.kind == ANSWER_FOUND) {
                return answer.value;
            }
        }
    }
    return NULL;
}

struct model_step model_step(struct arena *arena, const struct snapshot *snapshot,
                             const char *internal)
{
    struct model model = {
        .arena = arena, .snapshot = snapshot, .settings = snapshot_settings(snapshot)};
    return model_take_step(&model, internal);
}
