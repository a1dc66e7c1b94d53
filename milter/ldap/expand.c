/* SPDX-License-Identifier: MIT */
#include "ldap/expand.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What an address must have for the templates to be filled. */
enum {
    NEEDS_KEY_DOMAIN = 1,
    NEEDS_KEY_USER = 2,
    NEEDS_VALUE_DOMAIN = 4,
    NEEDS_VALUE_USER = 8,
};

/* A template of two bytes for each value, each byte of it escaped as three. */
enum { QUERY_BYTES_MAX = LDAP_TEMPLATE_BYTES_MAX / 2 * 3 * LDAP_KEY_BYTES_MAX };

/* Appends a value as it must stand in that place. */
typedef void append_value(struct buffer *text, const char *value, size_t length);

static void append_plain(struct buffer *text, const char *value, size_t length)
{
    buffer_append(text, value, length);
}

static void append_escaped(struct buffer *text, const char *value, size_t length,
                           const char *special)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(special, value[i]) != NULL) {
            buffer_append_format(text, "\\%02X", (unsigned char)value[i]);
        } else {
            buffer_append(text, &value[i], 1);
        }
    }
}

/* More than RFC 4514 asks for, as in Postfix: blanks and `#` wherever they stand. */
static void append_to_base(struct buffer *text, const char *value, size_t length)
{
    append_escaped(text, value, length, " \t\"#+,;<>\\");
}

static void append_to_filter(struct buffer *text, const char *value, size_t length)
{
    append_escaped(text, value, length, "*()\\");
}

/* An address, cut at its last `@`. */
struct parts {
    const char *whole;
    const char *domain; /* behind the `@`; NULL: there is none */
    size_t length, user_length;
};

static struct parts split(const char *text)
{
    const char *at = strrchr(text, '@');
    size_t length = strlen(text);
    return (struct parts){.whole = text,
                          .domain = at != NULL ? at + 1 : NULL,
                          .length = length,
                          .user_length = at != NULL ? (size_t)(at - text) : length};
}

static bool has_domain(const struct parts *parts)
{
    return parts->domain != NULL && parts->domain[0] != '\0';
}

/* `user` without a domain is all local part, `@domain` has none. */
static bool has_user(const struct parts *parts)
{
    return parts->domain != parts->whole + 1;
}

/* The label so many from the right, from 1; as Postfix counts, dots in a row are one.
 * NULL: there are not so many. */
static const char *find_label(const char *domain, int number, size_t *length)
{
    const char *end = domain + strlen(domain);
    for (;;) {
        while (end > domain && end[-1] == '.') {
            end--;
        }
        const char *begin = end;
        while (begin > domain && begin[-1] != '.') {
            begin--;
        }
        *length = (size_t)(end - begin);
        if (*length == 0 || --number == 0) {
            return *length > 0 ? begin : NULL;
        }
        end = begin;
    }
}

static bool has_labels(const struct parts *parts, int count)
{
    size_t length;
    return count == 0 ||
           (parts->domain != NULL && find_label(parts->domain, count, &length) != NULL);
}

/* Takes note of what a `%` and this letter need; false when they mean nothing. */
static bool note_need(struct ldap_expansion *expansion, char letter, bool of_value)
{
    if (letter >= '1' && letter <= '9') {
        expansion->needs |= NEEDS_KEY_DOMAIN;
        if (expansion->labels < letter - '0') {
            expansion->labels = letter - '0';
        }
        return true;
    }
    switch (letter) {
    case '%':
    case 's':
    case 'S':
        return true;
    case 'u':
        expansion->needs |= of_value ? NEEDS_VALUE_USER : NEEDS_KEY_USER;
        return true;
    case 'd':
        expansion->needs |= of_value ? NEEDS_VALUE_DOMAIN : NEEDS_KEY_DOMAIN;
        return true;
    case 'U':
        expansion->needs |= NEEDS_KEY_USER;
        return true;
    case 'D':
        expansion->needs |= NEEDS_KEY_DOMAIN;
        return true;
    default:
        return false;
    }
}

bool ldap_template_check(const char *text, struct error *error)
{
    struct ldap_expansion unused = {0};
    if (strlen(text) > LDAP_TEMPLATE_BYTES_MAX) {
        return error_set(error, ERROR_CONFIG, "is longer than %d bytes",
                         LDAP_TEMPLATE_BYTES_MAX);
    }
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (!note_need(&unused, at[1], false)) {
            return error_set(error, ERROR_CONFIG,
                             "holds a %% that is none of %%s %%u %%d %%S %%U %%D and %%1 "
                             "to %%9; write %%%% for the character itself");
        }
    }
    return true;
}

/* Does data come into it? */
static bool prepare(struct ldap_expansion *expansion, const char *text, bool of_value)
{
    bool is_dynamic = false;
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 2, '%')) {
        bool is_known = note_need(expansion, at[1], of_value);
        assert(is_known);
        is_dynamic = is_dynamic || at[1] != '%';
    }
    return is_dynamic;
}

void ldap_expansion_prepare(struct ldap_expansion *expansion)
{
    expansion->needs = 0;
    expansion->labels = 0;
    expansion->has_dynamic_base = prepare(expansion, expansion->search_base, false);
    prepare(expansion, expansion->query_filter, false);
    prepare(expansion, expansion->result_format, true);
}

static void append_label(struct buffer *text, const struct parts *key, int number,
                         append_value *append)
{
    size_t length;
    assert(key->domain != NULL);
    const char *label = find_label(key->domain, number, &length);
    assert(label != NULL); /* has_labels */
    append(text, label, length);
}

static void append_domain(struct buffer *text, const struct parts *parts,
                          append_value *append)
{
    assert(parts->domain != NULL); /* the needs are met */
    append(text, parts->domain, strlen(parts->domain));
}

/* Small letters are of the value, the others of the key; in a query both are the key. */
static void append_part(struct buffer *text, char letter, const struct parts *value,
                        const struct parts *key, append_value *append)
{
    const struct parts *parts = letter >= 'a' ? value : key;
    switch (text_fold_char(letter)) {
    case '%':
        buffer_append(text, "%", 1);
        break;
    case 's':
        append(text, parts->whole, parts->length);
        break;
    case 'u':
        append(text, parts->whole, parts->user_length);
        break;
    case 'd':
        append_domain(text, parts, append);
        break;
    default:
        append_label(text, key, letter - '0', append);
    }
}

static void expand(struct buffer *text, const char *template, const struct parts *value,
                   const struct parts *key, append_value *append)
{
    for (const char *at = template; *at != '\0';) {
        size_t plain = strcspn(at, "%");
        buffer_append(text, at, plain);
        at += plain;
        if (*at == '%') {
            append_part(text, at[1], value, key, append);
            at += 2;
        }
    }
}

static bool is_utf8(const char *text, size_t length)
{
    size_t i = 0;
    size_t step = 1;
    while (i < length && step > 0) {
        step = text_utf8_length(text + i, length - i);
        i += step;
    }
    return step > 0;
}

static bool is_served(const struct ldap_expansion *expansion, const char *domain)
{
    for (size_t i = 0; i < expansion->domain_count; i++) {
        if (text_equal_folded(expansion->domains[i].name, domain)) {
            return !expansion->domains[i].is_excluded;
        }
    }
    return false;
}

/* Does the key have what the templates need of it? */
static bool meets_needs(const struct ldap_expansion *expansion, const struct parts *key)
{
    return ((expansion->needs & NEEDS_KEY_DOMAIN) == 0 || has_domain(key)) &&
           ((expansion->needs & NEEDS_KEY_USER) == 0 || has_user(key)) &&
           has_labels(key, expansion->labels);
}

/* Why Postfix does not ask for this key, or NULL. */
static const char *skip_reason(const struct ldap_expansion *expansion,
                               const struct parts *key)
{
    if (key->length == 0 || key->length > LDAP_KEY_BYTES_MAX) {
        return "the key is empty or longer than an address can be";
    }
    if (!is_utf8(key->whole, key->length)) {
        return "the key is no UTF-8";
    }
    if (expansion->domain_count > 0 && (!has_domain(key) || !has_user(key))) {
        return "the key is no whole address, and the table has `domain`";
    }
    if (expansion->domain_count > 0 && !is_served(expansion, key->domain)) {
        return "the domain is none of the table's `domain`";
    }
    return meets_needs(expansion, key) ? NULL : "the key lacks what the templates need";
}

static const char *expand_query(struct buffer *text, const char *template,
                                const struct parts *key, append_value *append,
                                struct arena *arena)
{
    buffer_clear(text);
    expand(text, template, key, key, append);
    assert(!text->truncated); /* template and key are bounded */
    return arena_copy(arena, text->data);
}

bool ldap_query_make(const struct ldap_expansion *expansion, const char *key,
                     struct arena *arena, struct ldap_query *query)
{
    struct parts parts = split(key);
    *query = (struct ldap_query){.skipped = skip_reason(expansion, &parts)};
    if (query->skipped != NULL) {
        return false;
    }
    struct buffer text;
    buffer_init(&text, QUERY_BYTES_MAX);
    query->base =
        expand_query(&text, expansion->search_base, &parts, append_to_base, arena);
    query->filter =
        expand_query(&text, expansion->query_filter, &parts, append_to_filter, arena);
    buffer_deinit(&text);
    return true;
}

void ldap_values_init(struct ldap_values *values, const struct ldap_expansion *expansion,
                      const char *key)
{
    *values = (struct ldap_values){.expansion = expansion, .key = key};
    buffer_init(&values->text, LDAP_ANSWER_BYTES_MAX);
}

void ldap_values_deinit(struct ldap_values *values)
{
    buffer_deinit(&values->text);
}

/* Does a value have what result_format needs of it, and the key too? */
static bool fits(const struct ldap_expansion *expansion, const struct parts *value,
                 const struct parts *key)
{
    return ((expansion->needs & NEEDS_VALUE_DOMAIN) == 0 || has_domain(value)) &&
           ((expansion->needs & NEEDS_VALUE_USER) == 0 || has_user(value)) &&
           meets_needs(expansion, key);
}

bool ldap_values_add(struct ldap_values *values, const char *bytes, size_t length,
                     struct error *error)
{
    const struct ldap_expansion *expansion = values->expansion;
    if (length == 0) {
        return true;
    }
    if (length > LDAP_ANSWER_BYTES_MAX || memchr(bytes, '\0', length) != NULL) {
        return error_set(error, ERROR_REMOTE,
                         "a value for %.200s is too large or holds a NUL byte",
                         values->key);
    }
    char *text = strndup(bytes, length);
    if (text == NULL) {
        abort();
    }
    struct parts value = split(text);
    struct parts key = split(values->key);
    if (fits(expansion, &value, &key)) {
        values->count++;
        if (values->text.length > 0) {
            buffer_append(&values->text, ",", 1);
        }
        expand(&values->text, expansion->result_format, &value, &key, append_plain);
    }
    free(text);
    if (expansion->value_limit > 0 && values->count > expansion->value_limit) {
        return error_set(error, ERROR_REMOTE,
                         "more than %zu values for %.200s (expansion_limit)",
                         expansion->value_limit, values->key);
    }
    return !values->text.truncated ||
           error_set(error, ERROR_REMOTE, "the values for %.200s take more than %d bytes",
                     values->key, LDAP_ANSWER_BYTES_MAX);
}

enum answer_kind ldap_values_end(const struct ldap_values *values, struct arena *arena,
                                 const char **text)
{
    bool is_found = values->text.length > 0;
    *text = is_found ? arena_copy(arena, values->text.data) : NULL;
    return is_found ? ANSWER_FOUND : ANSWER_NOT_FOUND;
}
