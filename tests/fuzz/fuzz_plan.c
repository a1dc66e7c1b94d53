/* SPDX-License-Identifier: MIT */
/* Plans played on a model of the MTA's queue file: whatever is recorded, nobody is lost,
 * nobody gets the message twice, nobody who was left out gets it, and somebody gets it.
 *
 * Lines: `r STATE ADDRESS [WANTED...]` a recipient (STATE: a accepted, x refused, k
 * accepted and kept), `+ ADDRESS` added by a rule, `= ADDRESS TARGET...` an alias of the
 * server, `n` NOTIFY and ORCPT for the recipients behind it. */
#include "base/text.h"
#include "mail/key_set.h"
#include "mail/plan.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

enum { LINES = 64, WORDS = 16 };

struct alias {
    const char *key;
    const char **targets;
    size_t count;
};

struct model {
    struct arena *arena;
    struct alias aliases[LINES];
    size_t alias_count;
    struct recipient *recipients[LINES];
    size_t recipient_count;
    struct plan plan;
    const char *const *params;
};

static const struct address_rules rules = {.myorigin = "o.test", .delimiters = "+"};

/* One level is enough: the plan sees only what comes out at the end. */
static bool expand(void *context, struct arena *arena, const char *address,
                   const char ***addresses, size_t *count)
{
    struct model *model = context;
    for (size_t i = 0; i < model->alias_count; i++) {
        if (text_equal_folded(model->aliases[i].key, address)) {
            *addresses = model->aliases[i].targets;
            *count = model->aliases[i].count;
            return *count > 0;
        }
    }
    *addresses = arena_array(arena, 1, sizeof **addresses);
    (*addresses)[0] = address;
    *count = 1;
    return true;
}

static size_t split(struct arena *arena, char *line, const char **words)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < WORDS;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = arena_copy(arena, word);
    }
    return count;
}

/* External forms of the words that are addresses. */
static const char **externals(struct arena *arena, const char **words, size_t *count)
{
    const char **list = arena_array(arena, *count + 1, sizeof *list);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct address address;
        struct error error;
        if (address_parse(arena, words[i], &rules, &address, &error) && !address.is_null) {
            list[kept++] = address.external;
        }
    }
    *count = kept;
    return list;
}

static void read_recipient(struct model *model, const char **words, size_t count)
{
    struct recipient *recipient = arena_alloc(model->arena, sizeof *recipient);
    struct error error;
    /* A form feed is white space for some and not for others, and never in an address. */
    if (count < 3 || model->recipient_count == LINES || strpbrk(words[2], "\f\v") != NULL ||
        !address_parse(model->arena, words[2], &rules, &recipient->address, &error) ||
        recipient->address.is_null) {
        return;
    }
    static const char *none[] = {NULL};
    static const char *some[] = {"NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;o@d", NULL};
    recipient->params = model->params != NULL ? some : none;
    recipient->state = words[1][0] == 'x' ? RECIPIENT_REFUSED : RECIPIENT_ACCEPTED;
    recipient->replaced = words[1][0] != 'k';
    recipient->replacement_count = count - 3;
    recipient->replacement =
        externals(model->arena, words + 3, &recipient->replacement_count);
    model->recipients[model->recipient_count++] = recipient;
}

static void read_line(struct model *model, char *line)
{
    static const char *const marker[] = {NULL};
    const char *words[WORDS];
    size_t count = split(model->arena, line, words);
    if (count == 0) {
        return;
    }
    switch (words[0][0]) {
    case 'r':
        read_recipient(model, words, count);
        break;
    case '+': {
        size_t added = count - 1;
        const char **list = externals(model->arena, words + 1, &added);
        for (size_t i = 0; i < added; i++) {
            plan_record_recipient(&model->plan, model->arena, list[i]);
        }
        break;
    }
    case '=':
        if (count >= 2 && model->alias_count < LINES) {
            struct alias *alias = &model->aliases[model->alias_count++];
            size_t targets = count - 2;
            alias->key = words[1];
            alias->targets = externals(model->arena, words + 2, &targets);
            alias->count = targets;
        }
        break;
    default:
        model->params = marker;
        break;
    }
}

/* Whom Postfix delivers to. Records are cancelled by their original recipient, case counts;
 * the duplicate filter, which ignores case, kept the first spelling only. */
static struct key_set *deliver(struct model *model, const struct edit_list *list)
{
    struct key_set *delivered = key_set_new(model->arena);
    struct key_set *seen = key_set_new(model->arena);
    for (size_t i = 0; i < model->recipient_count; i++) {
        const struct recipient *recipient = model->recipients[i];
        if (recipient->state != RECIPIENT_ACCEPTED ||
            !key_set_add(seen, recipient->address.key)) {
            continue;
        }
        bool deleted = false;
        for (size_t j = 0; j < list->count; j++) {
            struct address address;
            struct error error;
            if (list->edits[j].kind == EDIT_DELETE_RECIPIENT) {
                bool ok = address_parse(model->arena, list->edits[j].address, &rules,
                                        &address, &error);
                assert(ok);
                deleted = deleted ||
                          text_equal_folded(address.external, recipient->address.external);
            }
        }
        const char **addresses;
        size_t count;
        if (!deleted &&
            expand(model, model->arena, recipient->address.external, &addresses, &count)) {
            for (size_t j = 0; j < count; j++) {
                key_set_add(delivered, addresses[j]);
            }
        }
    }
    return delivered;
}

/* Bare, from `<address>`. */
static char *inner(struct arena *arena, const char *bracketed)
{
    size_t length = strlen(bracketed);
    assert(length >= 2 && bracketed[0] == '<' && bracketed[length - 1] == '>');
    return arena_copy_bytes(arena, bracketed + 1, length - 2);
}

static void check_adds(struct model *model, const struct edit_list *list,
                       struct key_set *delivered)
{
    bool adds = false;
    struct key_set *added = key_set_new(model->arena);
    for (size_t i = 0; i < list->count; i++) {
        const struct edit *edit = &list->edits[i];
        if (edit->kind == EDIT_DELETE_RECIPIENT) {
            assert(!adds); /* deletes before adds */
            inner(model->arena, edit->address);
            continue;
        }
        assert(edit->kind == EDIT_ADD_RECIPIENT);
        adds = true;
        const char *address = inner(model->arena, edit->address);
        assert(key_set_add(added, address));
        const char **addresses;
        size_t count;
        bool ok = expand(model, model->arena, address, &addresses, &count);
        assert(ok);
        bool is_new = false;
        for (size_t j = 0; j < count; j++) {
            is_new = key_set_add(delivered, addresses[j]) || is_new;
        }
        assert(is_new); /* else it would only double */
    }
}

/* Everybody wanted is reached. */
static void check_nobody_is_lost(struct model *model, const struct edit_list *list)
{
    struct key_set *reached = deliver(model, list);
    check_adds(model, list, reached);
    bool somebody = false;
    for (size_t i = 0; i < model->recipient_count; i++) {
        const struct recipient *recipient = model->recipients[i];
        if (recipient->state != RECIPIENT_ACCEPTED) {
            continue;
        }
        const char *own[] = {recipient->address.external};
        const char *const *wanted = recipient->replaced ? recipient->replacement : own;
        size_t count = recipient->replaced ? recipient->replacement_count : 1;
        for (size_t j = 0; j < count; j++) {
            const char **addresses;
            size_t found;
            bool known = expand(model, model->arena, wanted[j], &addresses, &found);
            for (size_t k = 0; known && k < found; k++) {
                assert(key_set_has(reached, addresses[k]));
                somebody = true;
            }
        }
    }
    assert(somebody || model->plan.added_count > 0 || list->count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct arena *arena = arena_new();
    struct model *model = arena_alloc(arena, sizeof *model);
    model->arena = arena;
    char *text = arena_copy_bytes(arena, data, length);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        read_line(model, line);
    }
    const struct plan_expander expander = {.expand = expand, .context = model};
    struct edit_list list;
    struct error error = {0};
    if (plan_build(&model->plan, model->recipients, model->recipient_count, &expander,
                   arena, &list, &error)) {
        check_nobody_is_lost(model, &list);
    } else {
        assert(list.count == 0 && error.kind == ERROR_RULE && error.text[0] != '\0');
    }
    arena_free(&arena);
    return 0;
}
