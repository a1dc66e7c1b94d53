/* SPDX-License-Identifier: MIT */
/* Source: Postfix 3.7 global/dict_ldap.c, dict_ldap_lookup and dict_ldap_get_values. */
#include "ldap/lookup.h"

#include "base/clock.h"
#include "base/text.h"
#include "ldap/url.h"

#include <string.h>

/* All entries of one look-up, as kept until it ends. */
enum { LOOKUP_BYTES_MAX = 16 << 20 };

/* The answer to one search, as far as it has been gone through. */
struct frame {
    struct frame *parent; /* an entry of it led here */
    const struct ldap_found *entry;
    struct ldap_entry state;
    size_t attribute, value; /* the next one */
    int entry_count;
};

struct walk {
    const struct ldap_lookup *lookup;
    struct arena *arena; /* of this look-up alone */
    struct ldap_values values;
    struct frame *top;
    int depth;
    int64_t end_ms;
    const char *quota; /* NULL: none so far */
    struct error error;
};

static const struct ldap_attributes *attributes_of(const struct walk *walk)
{
    return &walk->lookup->table->attributes;
}

static int remaining_ms(const struct walk *walk)
{
    int64_t rest = walk->end_ms - clock_monotonic_ms();
    int limit = walk->lookup->table->timeout_ms;
    return rest < limit ? (int)rest : limit;
}

/* False: walk->error says why. */
static bool search_for(struct walk *walk, const struct ldap_wire_search *what,
                       struct ldap_search *search)
{
    int limit_ms = remaining_ms(walk);
    if (limit_ms <= 0) {
        error_set(&walk->error, ERROR_TIMEOUT,
                  "no answer within %d ms, after %d searches below each other",
                  walk->lookup->timeout_ms, walk->depth);
        return false;
    }
    ldap_search_init(search, walk->lookup->client, what, limit_ms, walk->arena);
    request_wait(walk->lookup->loop, (struct request *[]){&search->request}, 1);
    if (!search->request.ok) {
        walk->error = search->request.error;
        return false;
    }
    return arena_used(walk->arena) <= LOOKUP_BYTES_MAX ||
           error_set(&walk->error, ERROR_REMOTE,
                     "what is found has more than %d bytes in all", LOOKUP_BYTES_MAX);
}

/* NULL-terminated, for ldap_entry_begin. */
static const char *const *present_names(const struct ldap_found *entry, struct arena *arena)
{
    const char **names = arena_array(arena, entry->count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->attributes[i].count > 0) {
            names[count++] = entry->attributes[i].name;
        }
    }
    return names;
}

static void note_quota(struct walk *walk, const struct ldap_found *entry)
{
    const char *name = walk->lookup->quota_attribute;
    for (size_t i = 0; i < entry->count && walk->quota == NULL && name != NULL; i++) {
        const struct ldap_attribute *attribute = &entry->attributes[i];
        if (attribute->count > 0 && text_equal_folded(attribute->name, name)) {
            walk->quota = attribute->values[0].bytes;
        }
    }
}

static bool enter(struct walk *walk, const struct ldap_found *entry)
{
    struct frame *frame = walk->top;
    int limit = walk->lookup->table->size_limit;
    frame->entry = entry;
    frame->attribute = 0;
    frame->value = 0;
    if (entry == NULL) {
        return true;
    }
    if (limit > 0 && ++frame->entry_count > limit) {
        return error_set(&walk->error, ERROR_REMOTE, "more entries than size_limit = %d",
                         limit);
    }
    ldap_entry_begin(&frame->state, attributes_of(walk), present_names(entry, walk->arena));
    if (walk->depth == 1) {
        note_quota(walk, entry);
    }
    return true;
}

static bool push(struct walk *walk, const struct ldap_search *search)
{
    struct frame *frame = arena_alloc(walk->arena, sizeof *frame);
    frame->parent = walk->top;
    walk->top = frame;
    walk->depth++;
    return enter(walk, search->found);
}

/* A DN or an LDAP URL. False: walk->error says why. */
static bool make_search(struct walk *walk, const char *value, struct ldap_wire_search *what)
{
    *what = (struct ldap_wire_search){.base = value,
                                      .filter = "(objectClass=*)",
                                      .scope = LDAP_TABLE_BASE,
                                      .attributes = attributes_of(walk)->names,
                                      .size_limit = walk->lookup->table->size_limit};
    struct ldap_url url;
    if (!ldap_url_is(value)) {
        return true;
    }
    if (!ldap_url_parse_text(&url, value, walk->arena, &walk->error)) {
        return false;
    }
    what->base = url.base;
    what->filter = url.filter;
    what->scope = url.scope;
    what->attributes =
        ldap_attributes_of_url(attributes_of(walk), url.attributes, walk->arena);
    return true;
}

static bool follow(struct walk *walk, const char *name, const struct ldap_value *value)
{
    int limit = walk->lookup->table->recursion_limit;
    struct ldap_wire_search what;
    struct ldap_search search;
    if (walk->depth >= limit) {
        return error_set(&walk->error, ERROR_REMOTE,
                         "%.100s leads deeper than recursion_limit = %d", name, limit);
    }
    if (strlen(value->bytes) != value->length) {
        return error_set(&walk->error, ERROR_REMOTE, "a value of %.100s has a NUL byte",
                         name);
    }
    if (!make_search(walk, value->bytes, &what)) {
        return false;
    }
    if (what.attributes == NULL) {
        return true; /* a URL that names nothing of use */
    }
    return search_for(walk, &what, &search) && push(walk, &search);
}

/* One step: a value, or on to the next attribute, entry, or back. */
static bool go_on(struct walk *walk)
{
    struct frame *frame = walk->top;
    if (frame->entry == NULL) {
        walk->top = frame->parent;
        walk->depth--;
        return true;
    }
    if (frame->attribute == frame->entry->count) {
        return enter(walk, frame->entry->next);
    }
    const struct ldap_attribute *attribute = &frame->entry->attributes[frame->attribute];
    if (frame->value == attribute->count) {
        frame->attribute++;
        frame->value = 0;
        return true;
    }
    const struct ldap_value *value = &attribute->values[frame->value++];
    switch (ldap_entry_use(&frame->state, attributes_of(walk), attribute->name)) {
    case LDAP_USE_NONE:
        return true;
    case LDAP_USE_RESULT:
        return ldap_values_add(&walk->values, value->bytes, value->length, &walk->error);
    case LDAP_USE_FOLLOW:
        return follow(walk, attribute->name, value);
    }
    return true;
}

/* The table's attributes, and the one of the quota. */
static const char *const *wanted_attributes(const struct walk *walk)
{
    const struct ldap_attributes *attributes = attributes_of(walk);
    const char *quota = walk->lookup->quota_attribute;
    if (quota == NULL) {
        return attributes->names;
    }
    const char **names = arena_array(walk->arena, attributes->count + 2, sizeof *names);
    memcpy(names, attributes->names, attributes->count * sizeof *names);
    names[attributes->count] = quota;
    return names;
}

/* False: walk->error says why. */
static bool walk_all(struct walk *walk, const struct ldap_query *query)
{
    const struct ldap_table *table = walk->lookup->table;
    const struct ldap_wire_search what = {.base = query->base,
                                          .filter = query->filter,
                                          .scope = (int)table->scope,
                                          .attributes = wanted_attributes(walk),
                                          .size_limit = table->size_limit};
    struct ldap_search search;
    if (!search_for(walk, &what, &search)) {
        return false;
    }
    if (search.has_no_base && !table->expansion.has_dynamic_base) {
        return error_set(&walk->error, ERROR_REMOTE,
                         *query->base != '\0' ? "there is no search_base %.200s"
                                              : "search_base is empty%s",
                         query->base);
    }
    bool ok = push(walk, &search);
    while (ok && walk->top != NULL) {
        ok = go_on(walk);
    }
    return ok;
}

static void look_up(struct walk *walk, const char *key, struct arena *arena,
                    struct ldap_answer *answer)
{
    struct ldap_query query;
    *answer = (struct ldap_answer){.kind = ANSWER_NOT_FOUND, .quota = ""};
    if (!ldap_query_make(&walk->lookup->table->expansion, key, walk->arena, &query)) {
        return;
    }
    if (!walk_all(walk, &query)) {
        const char *name = ldap_table_kind_name(walk->lookup->table->kind);
        answer->kind = ANSWER_FAILED;
        answer->reason = arena_format(arena, "%s: %s", name, walk->error.text);
        return;
    }
    answer->kind = ldap_values_end(&walk->values, arena, &answer->value);
    if (answer->kind == ANSWER_FOUND && walk->quota != NULL) {
        answer->quota = arena_copy(arena, walk->quota);
    }
}

void ldap_look_up(const struct ldap_lookup *lookup, const char *key, struct arena *arena,
                  struct ldap_answer *answer)
{
    struct walk walk = {.lookup = lookup,
                        .arena = arena_new(),
                        .end_ms = clock_monotonic_ms() + lookup->timeout_ms};
    ldap_values_init(&walk.values, &lookup->table->expansion, key);
    look_up(&walk, key, arena, answer);
    ldap_values_deinit(&walk.values);
    arena_free(&walk.arena);
}
