/* SPDX-License-Identifier: MIT */
#include "resolve_tables.h"

#include "base/text.h"
#include "directory/local.h"
#include "mail/key_set.h"

#include <string.h>

enum { LIST_MAX = 1000, DEPTH_MAX = 1000, STEPS_MAX = 20000, NAMES_MAX = 25 };

/* Rule 9: one slot, until its address stays. Others go to the end of the list. */
static void expand_slot(struct model *model, struct model_list *slots, size_t place,
                        struct key_set *settled)
{
    struct model_list before = {0}; /* what the slot held since something was settled */
    for (size_t depth = 0; !key_set_has(settled, slots->items[place]); depth++) {
        const char *internal = slots->items[place];
        if (depth >= DEPTH_MAX || model_has(&before, internal) ||
            model->replacements >= STEPS_MAX) {
            model_fail(model, false);
            return;
        }
        struct model_step taken = model_take_step(model, internal);
        if (!taken.found) {
            return;
        }
        if (taken.fails) {
            model_fail(model, true);
            return;
        }
        model_push(model, &before, internal);
        model->replacements++;
        for (size_t i = 0; i < taken.targets.count; i++) {
            if (strlen(taken.targets.items[i]) > 1000 ||
                (i > 0 && slots->count >= LIST_MAX)) {
                model_fail(model, false);
                return;
            }
            if (i == 0) {
                slots->items[place] = taken.targets.items[0];
            } else {
                model_push(model, slots, taken.targets.items[i]);
            }
        }
        if (model_has_folded(&taken.targets, internal)) {
            key_set_add(settled, internal);
            before.count = 0;
        }
    }
}

static void add(struct model *model, const char *internal, enum recipient_class class,
                const char *mailbox)
{
    struct model_result *result = &model->result;
    if (!key_set_add(model->delivered, internal)) {
        for (size_t i = 0; i < result->count && class == CLASS_LOCAL; i++) {
            if (text_equal_folded(result->recipients[i].internal, internal)) {
                result->recipients[i].class = CLASS_LOCAL; /* one way is no dead end */
            }
        }
        return;
    }
    result->recipients = arena_grow(model->arena, result->recipients, result->count,
                                    &result->size, sizeof *result->recipients);
    result->recipients[result->count++] =
        (struct model_recipient){internal, class, mailbox};
}

/* Names to look up for an address at the host; a detail with a slash is dropped. */
static size_t names_of(struct model *model, const char *internal, const char *names[2])
{
    struct cut parts = model_cut(model, text_fold_copy(model->arena, internal));
    size_t count = 0;
    if (strchr(parts.detail, '/') == NULL) {
        names[count++] = parts.local;
    }
    if (parts.detail[0] != '\0') {
        names[count++] = parts.base;
    }
    return count;
}

static bool is_special(const char *target)
{
    return strchr("/|~", target[0]) != NULL || text_starts_folded(target, ":include:");
}

static bool is_bad(struct model *model, const char *routed)
{
    const char *domain = strrchr(routed, '@');
    return routed[0] == '-' || domain == NULL ||
           (!local_has_domain(model->settings, domain + 1) &&
            !address_domain_is_valid(domain + 1));
}

static const char *route(struct model *model, const char *external)
{
    return local_route(model->arena, model->settings,
                       address_complete(model->arena, external, &model->settings->rules));
}

static void deliver(struct model *model, const char *internal, const char *listed_by,
                    int depth, bool has_owner);

static void send_on(struct model *model, const char *routed)
{
    const char *internal = address_complete(
        model->arena, address_quote(model->arena, routed), &model->settings->rules);
    if (key_set_add(model->seen, arena_format(model->arena, "0 %s", internal))) {
        model_push(model, &model->sent, internal);
    }
}

static void deliver_target(struct model *model, const struct listed_address *target,
                           const char *internal, const char *name, int depth,
                           bool has_owner)
{
    if (is_special(target->internal) && target->internal[0] != '\0') {
        bool bounces = target->internal[0] == '~';
        add(model, internal, bounces ? CLASS_UNKNOWN : CLASS_LOCAL, NULL);
        return;
    }
    const char *routed = route(model, target->external);
    if (is_bad(model, routed)) {
        add(model, routed, CLASS_UNKNOWN, NULL);
    } else if (local_has_domain(model->settings, strrchr(routed, '@') + 1)) {
        deliver(model, routed, name, depth + 1, has_owner);
    } else {
        send_on(model, routed);
    }
}

static void deliver(struct model *model, const char *internal, const char *listed_by,
                    int depth, bool has_owner)
{
    const char *mark = arena_format(model->arena, "%d %s", depth, internal);
    if (model->result.fails || !key_set_add(model->seen, mark)) {
        return;
    }
    if (depth > NAMES_MAX || model_has_folded(&model->round->arrivals, internal)) {
        add(model, internal, CLASS_UNKNOWN, NULL);
        return;
    }
    if (internal[0] == '\\') {
        const char *user = internal + 1;
        const char *name = user[0] == '@' ? "MAILER-DAEMON" : "";
        add(model, arena_format(model->arena, "%s%s", name, user), CLASS_LOCAL, NULL);
        return;
    }
    const char *names[2];
    size_t count = names_of(model, internal, names);
    for (size_t i = 0; i < count; i++) {
        if (listed_by != NULL && strcmp(names[i], listed_by) == 0) {
            continue;
        }
        struct answer answer = model_ask(model, QUESTION_LOCAL, names[i]);
        if (answer.kind != ANSWER_FOUND) {
            continue;
        }
        const char *owner = arena_format(model->arena, "owner-%s", names[i]);
        bool owned =
            has_owner || model_ask(model, QUESTION_LOCAL, owner).kind == ANSWER_FOUND;
        struct address_list list = model_parse(model, answer.value);
        model->steps += list.count;
        if (list.count == 0 || model->steps > STEPS_MAX) {
            model_fail(model, list.count == 0);
        }
        for (size_t j = 0; j < list.count && !model->result.fails; j++) {
            deliver_target(model, &list.entries[j], internal, names[i], depth, owned);
        }
        return;
    }
    if (has_owner) {
        send_on(model, internal);
    } else {
        add(model, internal, CLASS_LOCAL, NULL);
    }
}

/* What local delivery sends on waits behind what waits already. */
static void deliver_locally(struct model *model, const char *routed)
{
    struct model_list arrivals = {0};
    model->sent.count = 0;
    model->seen = key_set_new(model->arena);
    deliver(model, routed, NULL, 1, false);
    for (size_t i = 0; i < model->round->arrivals.count; i++) {
        model_push(model, &arrivals, model->round->arrivals.items[i]);
    }
    model_push(model, &arrivals, routed);
    for (size_t i = 0; i < model->sent.count; i++) {
        struct round *round = arena_alloc(model->arena, sizeof *round);
        *round = (struct round){.start = model->sent.items[i], .arrivals = arrivals};
        model->last->next = round;
        model->last = round;
    }
}

static void end(struct model *model, const char *internal)
{
    const char *routed = local_route(model->arena, model->settings, internal);
    const char *at = strrchr(routed, '@');
    const char *domain = at != NULL ? at + 1 : "";
    const char *account = NULL;
    enum recipient_class class = CLASS_UNKNOWN;
    if (internal[0] == '\0') {
        add(model, internal, CLASS_LOCAL, NULL);
    } else if (routed[0] == '-') {
        add(model, routed, CLASS_UNKNOWN, NULL);
    } else if (!local_has_domain(model->settings, domain)) {
        if (address_domain_is_valid(domain)) {
            class = model_class_of_domain(model, domain);
            account = class == CLASS_MAILBOX ? model_account_of(model, routed) : NULL;
        }
        bool missing = class == CLASS_MAILBOX && account == NULL;
        add(model, routed, missing ? CLASS_UNKNOWN : class, account);
    } else if (text_starts_folded(routed, "double-bounce@")) {
        add(model, routed, CLASS_LOCAL, NULL);
    } else {
        deliver_locally(model, routed);
    }
}

static void expand_round(struct model *model)
{
    struct model_list slots = {0};
    struct key_set *settled = key_set_new(model->arena);
    struct key_set *unique = key_set_new(model->arena);
    model_push(model, &slots, model->round->start);
    for (size_t i = 0; i < slots.count && !model->result.fails; i++) {
        expand_slot(model, &slots, i, settled);
    }
    for (size_t i = 0; i < slots.count && !model->result.fails; i++) {
        if (key_set_add(unique, slots.items[i])) {
            end(model, slots.items[i]);
        }
    }
}

struct model_result model_expand(struct arena *arena, const struct snapshot *snapshot,
                                 const char *asked)
{
    struct round first = {.start = asked};
    struct model model = {.arena = arena,
                          .snapshot = snapshot,
                          .settings = snapshot_settings(snapshot),
                          .last = &first,
                          .delivered = key_set_new(arena)};
    for (model.round = &first; model.round != NULL && !model.result.fails;
         model.round = model.round->next) {
        expand_round(&model);
    }
    return model.result;
}

struct model_list model_local_targets(struct arena *arena, const struct snapshot *snapshot,
                                      const char *internal)
{
    struct model model = {
        .arena = arena, .snapshot = snapshot, .settings = snapshot_settings(snapshot)};
    struct model_list targets = {0};
    const char *names[2];
    size_t count = names_of(&model, internal, names);
    for (size_t i = 0; i < count; i++) {
        struct answer answer = model_ask(&model, QUESTION_LOCAL, names[i]);
        struct address_list list = {0};
        if (answer.kind == ANSWER_FOUND) {
            list = model_parse(&model, answer.value);
        }
        for (size_t j = 0; j < list.count; j++) {
            bool special =
                list.entries[j].internal[0] != '\0' && is_special(list.entries[j].internal);
            model_push(&model, &targets,
                       special ? internal : route(&model, list.entries[j].external));
        }
    }
    return targets;
}

static bool is_known_locally(struct model *model, const char *routed)
{
    struct cut parts = model_cut(model, routed);
    const char *name = arena_copy_bytes(model->arena, routed, strcspn(routed, "@"));
    return local_has_name(model->settings, name) ||
           model_ask(model, QUESTION_LOCAL, parts.local).kind == ANSWER_FOUND ||
           model_ask(model, QUESTION_LOCAL, parts.base).kind == ANSWER_FOUND;
}

/* Rule 5, for an address that is no syntax error. */
static enum expansion_status judge(struct model *model, const char *routed)
{
    const char *at = strrchr(routed, '@');
    const char *domain = at != NULL ? at + 1 : "";
    enum recipient_class class = CLASS_LOCAL;
    if (!local_has_domain(model->settings, domain)) {
        class = model_class_of_domain(model, domain);
    }
    if (model->result.fails) {
        return EXPANSION_ERROR;
    }
    if (class == CLASS_EXTERNAL ||
        strcspn(routed, "@!%") < strlen(routed) - strlen(domain) - 1) {
        return EXPANSION_RELAY;
    }
    struct answer answer;
    enum match_kind match;
    if (model_find(model, routed, true, &answer, &match)) {
        bool usable = answer.kind == ANSWER_FOUND && answer.value[0] != '\0';
        return usable ? EXPANSION_OK : EXPANSION_ERROR;
    }
    bool known = class == CLASS_MAILBOX
                     ? model_account_of(model, routed) != NULL
                     : class == CLASS_LOCAL && is_known_locally(model, routed);
    return known ? EXPANSION_OK : EXPANSION_UNKNOWN;
}

enum expansion_status model_status(struct arena *arena, const struct snapshot *snapshot,
                                   const struct address *address)
{
    struct model model = {
        .arena = arena, .snapshot = snapshot, .settings = snapshot_settings(snapshot)};
    if (address->is_null) {
        return EXPANSION_UNKNOWN;
    }
    char *routed = local_route(arena, model.settings, address->internal);
    text_fold(routed);
    const char *at = strrchr(routed, '@');
    bool is_valid =
        routed[0] != '-' && (local_has_domain(model.settings, at != NULL ? at + 1 : "") ||
                             address_domain_is_valid(at != NULL ? at + 1 : ""));
    if (text_equal_folded(address->raw, "postmaster") ||
        text_equal_folded(address->raw, "<postmaster>") ||
        text_equal_folded(address->raw, "<postmaster") ||
        text_equal_folded(address->raw, "postmaster>")) {
        return EXPANSION_OK;
    }
    return is_valid ? judge(&model, routed) : EXPANSION_ERROR;
}
