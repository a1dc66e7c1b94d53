/* SPDX-License-Identifier: MIT */
#include "directory/local_delivery.h"

#include "base/text.h"
#include "directory/local.h"
#include "mail/address_list.h"

#include <string.h>

/* Names on the way to an address, itself included, before Postfix sees a loop: it counts to
 * 100 in steps of four. */
enum { NAMES_MAX = 25 };

/* One target: an address at the host, or what is an ending already and waits for its turn.
 */
struct local_item {
    const char *internal;
    const struct slot_origin *origin;
    bool is_ending;
    enum local_ending_kind kind; /* of the ending */
    const char *note;
    bool is_taken_up;      /* the first name was asked for */
    const char *listed_by; /* name of the alias that lists it, or NULL */
    int depth;             /* names on the way, this one included */
    bool has_owner;        /* an alias on the way has an owner-alias */
    char *names[2];        /* with the detail and without, folded; NULL: no more */
    size_t name;           /* that is asked for */
};

static void push(struct local_delivery *delivery, const struct local_item *item)
{
    delivery->stack = arena_grow(delivery->arena, delivery->stack, delivery->count,
                                 &delivery->size, sizeof *delivery->stack);
    delivery->stack[delivery->count++] = *item;
}

/* Postfix takes up an address once at each depth, whoever lists it, and sends it on once
 * (SENT_ON in place of a depth). */
enum { SENT_ON = 0 };

static bool is_new(struct local_delivery *delivery, int depth, const char *internal)
{
    return key_set_add(delivery->seen,
                       arena_format(delivery->arena, "%d %s", depth, internal));
}

static void end(struct local_delivery *delivery, enum local_ending_kind kind,
                const struct local_item *item, const char *note)
{
    if (kind == LOCAL_SENT_ON && !is_new(delivery, SENT_ON, item->internal)) {
        return;
    }
    delivery->endings =
        arena_grow(delivery->arena, delivery->endings, delivery->ending_count,
                   &delivery->ending_size, sizeof *delivery->endings);
    delivery->endings[delivery->ending_count++] = (struct local_ending){
        .kind = kind, .internal = item->internal, .origin = item->origin, .note = note};
}

/* A detail with a slash in it is dropped: it could name a file elsewhere. */
static void set_names(struct local_delivery *delivery, struct local_item *item)
{
    const char *at = strrchr(item->internal, '@');
    size_t length = at != NULL ? (size_t)(at - item->internal) : strlen(item->internal);
    char *name = arena_copy_bytes(delivery->arena, item->internal, length);
    text_fold(name);
    size_t base = address_split(name, delivery->settings->rules.delimiters);
    bool dropped = base < length && strchr(name + base + 1, '/') != NULL;
    size_t count = 0;
    if (!dropped) {
        item->names[count++] = name;
    }
    if (base < length) {
        item->names[count] = arena_copy_bytes(delivery->arena, name, base);
    }
}

void local_delivery_begin(struct local_delivery *delivery, const char *internal,
                          const struct slot_origin *origin,
                          const struct local_arrival *arrivals)
{
    delivery->arrivals = arrivals;
    delivery->count = delivery->ending_count = 0;
    delivery->put_off = NULL;
    delivery->asks_owner = false;
    delivery->seen = key_set_new(delivery->arena);
    struct local_item item = {.internal = internal, .origin = origin, .depth = 1};
    set_names(delivery, &item);
    push(delivery, &item);
}

static bool has_arrived(const struct local_delivery *delivery, const char *internal)
{
    const struct local_arrival *arrival = delivery->arrivals;
    while (arrival != NULL && !text_equal_folded(arrival->internal, internal)) {
        arrival = arrival->previous;
    }
    return arrival != NULL;
}

/* `\\name` is the user of that name, whatever alias there is. */
static void end_as_user(struct local_delivery *delivery, const struct local_item *item)
{
    struct local_item user = *item;
    const char *name = item->internal[1] == '@' ? "MAILER-DAEMON" : "";
    user.internal = arena_format(delivery->arena, "%s%s", name, item->internal + 1);
    end(delivery, LOCAL_KEPT, &user, NULL);
}

/* An alias that lists its own name means the user of that name. */
static bool lists_itself(const struct local_item *item)
{
    return item->listed_by != NULL && strcmp(item->names[item->name], item->listed_by) == 0;
}

/* False when the item ended without a question. */
static bool has_name(struct local_delivery *delivery, struct local_item *item)
{
    bool is_first = !item->is_taken_up;
    item->is_taken_up = true;
    if (item->is_ending) {
        end(delivery, item->kind, item, item->note);
        return false;
    }
    if (is_first && item->depth <= NAMES_MAX &&
        !is_new(delivery, item->depth, item->internal)) {
        return false;
    }
    if (item->depth > NAMES_MAX || has_arrived(delivery, item->internal)) {
        end(delivery, LOCAL_BOUNCED, item, "local aliases lead round in a circle");
        return false;
    }
    if (item->internal[0] == '\\') {
        end_as_user(delivery, item);
        return false;
    }
    while (item->name < 2 && item->names[item->name] != NULL && lists_itself(item)) {
        item->name++;
    }
    if (item->name < 2 && item->names[item->name] != NULL) {
        return true;
    }
    end(delivery, item->has_owner ? LOCAL_SENT_ON : LOCAL_KEPT, item, NULL);
    return false;
}

const struct question *local_delivery_next(struct local_delivery *delivery)
{
    while (delivery->count > 0 && delivery->put_off == NULL) {
        struct local_item *item = &delivery->stack[delivery->count - 1];
        if (delivery->asks_owner) {
            delivery->question.key =
                arena_format(delivery->arena, "owner-%s", item->names[item->name]);
        } else if (has_name(delivery, item)) {
            delivery->question.key = item->names[item->name];
        } else {
            delivery->count--;
            continue;
        }
        delivery->question.kind = QUESTION_LOCAL;
        return &delivery->question;
    }
    return NULL;
}

static bool begins_with(const char *text, char c)
{
    return text[0] == c;
}

/* What is no address, at the one that lists it. Commands and files are run and written by
 * Postfix. */
static bool is_special(struct arena *arena, const char *target, struct local_item *item)
{
    bool is_home = begins_with(target, '~');
    item->is_ending = is_home || begins_with(target, '/') || begins_with(target, '|') ||
                      text_starts_folded(target, ":include:");
    item->internal = item->origin->internal;
    item->kind = is_home ? LOCAL_BOUNCED : LOCAL_KEPT;
    if (item->is_ending) {
        item->note = is_home ? "there is no home directory" : arena_copy(arena, target);
    }
    return item->is_ending;
}

static void take_target(struct local_delivery *delivery, struct arena *scratch,
                        const struct listed_address *target, const struct local_item *child)
{
    struct local_item item = *child;
    if (is_special(delivery->arena, target->internal, &item)) {
        push(delivery, &item);
        return;
    }
    const char *completed =
        address_complete(scratch, target->external, &delivery->settings->rules);
    item.internal = local_route(delivery->arena, delivery->settings, completed);
    const char *at = strrchr(item.internal, '@');
    const char *domain = at != NULL ? at + 1 : "";
    bool is_local = local_has_domain(delivery->settings, domain);
    if (begins_with(item.internal, '-') ||
        (!is_local && !address_domain_is_valid(domain))) {
        item.is_ending = true;
        item.kind = LOCAL_BOUNCED;
        item.note = "its syntax is bad";
    } else if (!is_local) {
        item.is_ending = true;
        item.kind = LOCAL_SENT_ON;
    } else {
        set_names(delivery, &item);
    }
    push(delivery, &item);
}

static void reverse(struct local_item *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct local_item kept = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = kept;
    }
}

static void expand(struct local_delivery *delivery, const struct answer *answer,
                   bool has_owner)
{
    struct local_item item = delivery->stack[--delivery->count];
    struct arena *scratch = arena_new();
    struct address_list list = {0};
    address_list_parse_value(scratch, answer->value, &list);
    if (list.count == 0) {
        delivery->put_off = item.internal;
    }
    const struct local_item child = {
        .origin = slot_origin_new(delivery->arena, item.origin, item.internal, MATCH_LOCAL,
                                  answer),
        .listed_by = item.names[item.name],
        .depth = item.depth + 1,
        .has_owner = item.has_owner || has_owner,
    };
    size_t before = delivery->count;
    for (size_t i = 0; i < list.count && delivery->steps <= LOCAL_STEPS_MAX; i++) {
        delivery->steps++;
        take_target(delivery, scratch, &list.entries[i], &child);
    }
    reverse(delivery->stack + before, delivery->count - before);
    arena_free(&scratch);
}

void local_delivery_answer(struct local_delivery *delivery, const struct answer *answer)
{
    struct local_item *item = &delivery->stack[delivery->count - 1];
    if (delivery->asks_owner) {
        delivery->asks_owner = false;
        expand(delivery, &delivery->found, answer->kind == ANSWER_FOUND);
    } else if (answer->kind == ANSWER_FOUND) {
        delivery->found = *answer;
        delivery->asks_owner = true;
    } else {
        item->name++;
    }
}
