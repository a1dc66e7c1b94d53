/* SPDX-License-Identifier: MIT */
/* What is kept of HTTP requests: not what proves to a server who asks. */
#include "record/record.h"

#include "base/text.h"

#include <string.h>

static const char secret[] = "(secret)";

/* Does a header or parameter of this name hold a secret? */
static bool is_telling(const char *name, size_t length)
{
    static const char *const parts[] = {"authoriz", "authentic", "x-auth", "cookie",
                                        "token",    "secret",    "passw",  "signature",
                                        "api-key",  "apikey",    "api_key"};
    static const char *const names[] = {"key", "auth", "sig", "pass", "pwd"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t j = 0; j + strlen(parts[i]) <= length; j++) {
            if (text_starts_folded(name + j, parts[i])) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && text_starts_folded(name, names[i])) {
            return true;
        }
    }
    return false;
}

static const char *find_byte(const char *from, const char *end, const char *set)
{
    while (from < end && strchr(set, *from) == NULL) {
        from++;
    }
    return from;
}

/* Parameters from the question mark on, those with telling names without their values. */
static void copy_query(const char *at, const char *end, char **to)
{
    while (at < end) {
        const char *next = find_byte(at + 1, end, "&;#");
        const char *equals = find_byte(at + 1, next, "=");
        bool hides = equals < next && is_telling(at + 1, (size_t)(equals - at - 1));
        const char *copied = hides ? equals + 1 : next;
        memcpy(*to, at, (size_t)(copied - at));
        *to += copied - at;
        if (hides) {
            memcpy(*to, secret, sizeof secret - 1);
            *to += sizeof secret - 1;
        }
        at = next;
    }
}

/* scheme://user:password@host becomes scheme://host. */
static struct value public_text(struct arena *arena, const struct value *value)
{
    const char *bytes = value->text.bytes;
    const char *end = bytes + value->text.length;
    const char *host = memmem(bytes, value->text.length, "://", 3);
    if (host == NULL) {
        return *value;
    }
    host += 3;
    const char *path = find_byte(host, end, "/?#");
    const char *query = find_byte(path, end, "?#");
    const char *name = path;
    while (name > host && name[-1] != '@') {
        name--;
    }
    /* At most one secret for each "?a=" or "&a=". */
    size_t size = value->text.length + (size_t)(end - query) / 2 * sizeof secret + 1;
    char *text = arena_alloc(arena, size);
    char *to = text;
    memcpy(to, bytes, (size_t)(host - bytes));
    to += host - bytes;
    memcpy(to, name, (size_t)(query - name));
    to += query - name;
    copy_query(query, end, &to);
    return (struct value){.type = VALUE_TEXT,
                          .text = {.bytes = text, .length = (size_t)(to - text)}};
}

static struct value public_value(struct arena *arena, const struct value *value)
{
    if (value->type == VALUE_TEXT) {
        return public_text(arena, value);
    }
    if (value->type != VALUE_TABLE) {
        return *value;
    }
    struct value table = *value;
    table.table.entries =
        arena_array(arena, value->table.count, sizeof *table.table.entries);
    for (size_t i = 0; i < value->table.count; i++) {
        const struct value_entry *entry = &value->table.entries[i];
        const struct value *key = &entry->key;
        bool hides = key->type == VALUE_TEXT && entry->value.type != VALUE_TABLE &&
                     is_telling(key->text.bytes, key->text.length);
        table.table.entries[i] = (struct value_entry){
            .key = *key,
            .value = hides ? value_text(arena, secret, sizeof secret - 1)
                           : public_value(arena, &entry->value),
        };
    }
    return table;
}

bool record_is_private(const char *function)
{
    return strncmp(function, "http.", 5) == 0;
}

struct value record_public(struct arena *arena, const char *function,
                           const struct value *value)
{
    return record_is_private(function) ? public_value(arena, value) : *value;
}
