/* SPDX-License-Identifier: MIT */
#include "directory/local_delivery.h"

#include "base/text.h"
#include "directory/local.h"
#include "mail/address_list.h"

#include <string.h>

/* Names on the way to an address, itself included, before Postfix sees a loop: it counts to
 * 100 in steps of four. */
enum { NAMES_MAX = 25 };

/* One address at the host. */
struct local_item {
    const char *internal;
    const struct slot_origin *origin;
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

static void end(struct local_delivery *delivery, enum local_ending_kind kind,
                const char *internal, const struct slot_origin *origin, const char *note)
{
    delivery->endings =
        arena_grow(delivery->arena, delivery->endings, delivery->ending_count,
                   &delivery->ending_size, sizeof *delivery->endings);
    delivery->endings[delivery->ending_count++] = (struct local_ending){
        .kind = kind, .internal = internal, .origin = origin, .note = note};
}

/* A detail with a slash in it is dropped: it could name a file elsewhere. */
static void set_names(struct local_delivery *delivery, struct local_item *item)
{
    const char *at = strrchr(item->internal, '@');
    size_t length = at != NULL ? (size_t)(at - item->internal) : strlen(item->internal);
    char *name = arena_copy_bytes(delivery->arena, item->internal, length);
    text_fold(name);
    size_t base = address_split(name, delivery->settings->rules.delimiters);
    bool dropped = strchr(name + base, '/') != NULL;
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
    const char *user = item->internal + 1;
    const char *name = user[0] == '@' ? "MAILER-DAEMON" : "";
    end(delivery, LOCAL_KEPT, arena_format(delivery->arena, "%s%s", name, user),
        item->origin, NULL);
}

/* False when the item ended without a question. */
static bool has_name(struct local_delivery *delivery, struct local_item *item)
{
    static const char loop[] = "local aliases lead round in a circle";
    if (item->depth > NAMES_MAX || has_arrived(delivery, item->internal)) {
        end(delivery, LOCAL_BOUNCED, item->internal, item->origin, loop);
        return false;
    }
    if (item->internal[0] == '\\') {
        end_as_user(delivery, item);
        return false;
    }
    /* An alias that lists its own name means the user of that name. */
    while (item->name < 2 && item->names[item->name] != NULL && item->listed_by != NULL &&
           strcmp(item->names[item->name], item->listed_by) == 0) {
        item->name++;
    }
    if (item->name < 2 && item->names[item->name] != NULL) {
        return true;
    }
    end(delivery, item->has_owner ? LOCAL_SENT_ON : LOCAL_KEPT, item->internal,
        item->origin, NULL);
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

/* What is no address. Commands and files are run and written by Postfix. */
static bool end_special(struct local_delivery *delivery, const char *target,
                        const struct slot_origin *origin)
{
    const char *address = origin->internal;
    if (begins_with(target, '/') || begins_with(target, '|') ||
        text_starts_folded(target, ":include:")) {
        end(delivery, LOCAL_KEPT, address, origin, arena_copy(delivery->arena, target));
        return true;
    }
    if (begins_with(target, '~')) {
        end(delivery, LOCAL_BOUNCED, address, origin, "there is no home directory");
        return true;
    }
    return false;
}

static void take_target(struct local_delivery *delivery, struct arena *scratch,
                        const struct listed_address *target, const struct local_item *child)
{
    if (end_special(delivery, target->internal, child->origin)) {
        return;
    }
    const char *completed =
        address_complete(scratch, target->external, &delivery->settings->rules);
    const char *internal = local_route(delivery->arena, delivery->settings, completed);
    const char *at = strrchr(internal, '@');
    const char *domain = at != NULL ? at + 1 : "";
    bool is_local = local_has_domain(delivery->settings, domain);
    bool lacks_domain = completed[0] != '\0' && completed[strlen(completed) - 1] == '@';
    if (lacks_domain || begins_with(internal, '-') ||
        (!is_local && !address_domain_is_valid(domain))) {
        end(delivery, LOCAL_BOUNCED, internal, child->origin, "its syntax is bad");
    } else if (!is_local) {
        end(delivery, LOCAL_SENT_ON, internal, child->origin, NULL);
    } else {
        struct local_item item = *child;
        item.internal = internal;
        set_names(delivery, &item);
        push(delivery, &item);
    }
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
                                  answer->line),
        .listed_by = item.names[item.name],
        .depth = item.depth + 1,
        .has_owner = item.has_owner || has_owner,
    };
    size_t before = delivery->count;
    for (size_t i = 0; i < list.count; i++) {
        take_target(delivery, scratch, &list.entries[i], &child);
    }
    reverse(delivery->stack + before, delivery->count - before);
    delivery->expansions++;
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
