/* SPDX-License-Identifier: MIT */
#include "authscript/template.h"

#include "base/buffer.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* All that one expansion copies: a filter may work on what another made. */
enum { RESULT_BYTES = 1 << 20, COPIED_BYTES = 4 << 20 };

/* 2.3's letters. */
static const struct letter {
    char letter;
    const char *name;
} letters[] = {
    {'u', "user"},        {'n', "username"}, {'d', "domain"},    {'s', "service"},
    {'h', "home"},        {'l', "local_ip"}, {'r', "remote_ip"}, {'a', "local_port"},
    {'b', "remote_port"}, {'p', "pid"},      {'w', "password"},  {'m', "mechanism"},
    {'c', "secured"},     {'k', "cert"},
};

static const char *name_of(char letter)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (letters[i].letter == letter) {
            return letters[i].name;
        }
    }
    return NULL;
}

static const char *change_case(struct arena *arena, const char *value, bool upper)
{
    char *copy = text_fold_copy(arena, value);
    for (char *at = copy; upper && *at != '\0'; at++) {
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    }
    return copy;
}

static const char *reverse(struct arena *arena, const char *value)
{
    size_t length = strlen(value);
    char *copy = arena_copy(arena, value);
    for (size_t i = 0; i < length; i++) {
        copy[i] = value[length - 1 - i];
    }
    return copy;
}

static const char *cut_domain(struct arena *arena, const char *value, bool keep_domain)
{
    const char *at = strchr(value, '@');
    if (keep_domain) {
        return at != NULL ? at + 1 : "";
    }
    return at != NULL ? arena_copy_bytes(arena, value, (size_t)(at - value)) : value;
}

/* One filter of 2.4, with its first argument or NULL. */
static const char *filter(struct arena *arena, const char *name, const char *argument,
                          const char *value, struct error *error)
{
    if (strcmp(name, "default") == 0) {
        return value != NULL && *value != '\0' ? value : argument != NULL ? argument : "";
    }
    value = value != NULL ? value : "";
    if (strcmp(name, "lower") == 0 || strcmp(name, "upper") == 0) {
        return change_case(arena, value, *name == 'u');
    }
    if (strcmp(name, "username") == 0 || strcmp(name, "domain") == 0) {
        return cut_domain(arena, value, *name == 'd');
    }
    if (strcmp(name, "reverse") == 0) {
        return reverse(arena, value);
    }
    if (strcmp(name, "length") == 0) {
        return arena_format(arena, "%zu", strlen(value));
    }
    error_set(error, ERROR_RULE,
              "there is no filter %s here; there are lower, upper, username, domain, "
              "default, reverse, length",
              name);
    return NULL;
}

/* `name` or `name("argument")`, cut in place. */
static const char *split_argument(char *filter_text)
{
    char *open = strchr(filter_text, '(');
    char *close = strrchr(filter_text, ')');
    if (open == NULL || close == NULL || close < open) {
        return NULL;
    }
    *close = '\0';
    *open = '\0';
    char *argument = text_trim(open + 1);
    size_t length = strlen(argument);
    if (length >= 2 && (*argument == '\'' || *argument == '"') &&
        argument[length - 1] == *argument) {
        argument[length - 1] = '\0';
        argument++;
    }
    return argument;
}

static const char *value_of(struct arena *arena, const struct auth_request *request,
                            const char *name, struct error *error)
{
    bool exists = true;
    const char *value = NULL;
    if (strncmp(name, "env:", 4) == 0) {
        value = getenv(name + 4);
    } else if (request != NULL) {
        value = auth_request_field(arena, request, name, &exists);
    } else {
        exists = false;
    }
    if (!exists) {
        error_set(error, ERROR_RULE, "there is no variable %s", name);
        return NULL;
    }
    return value != NULL ? value : "";
}

/* What stands between the braces. limit: of the arena. */
static const char *long_variable(struct arena *arena, const struct auth_request *request,
                                 char *inside, size_t limit, struct error *error)
{
    char *rest = strchr(inside, '|');
    if (rest != NULL) {
        *rest++ = '\0';
    }
    const char *value = value_of(arena, request, text_trim(inside), error);
    while (value != NULL && rest != NULL) {
        if (arena_used(arena) > limit) {
            error_set(error, ERROR_RULE, "this is too long to expand");
            return NULL;
        }
        char *next = strchr(rest, '|');
        if (next != NULL) {
            *next++ = '\0';
        }
        const char *argument = split_argument(rest);
        value = filter(arena, text_trim(rest), argument, value, error);
        rest = next;
    }
    return value;
}

/* 2.3: `%[offset.]width`, letters that change, and the variable. */
struct manner {
    long offset, width; /* width -1: all */
    char changes[8];
};

static const char *read_manner(const char *at, struct manner *manner)
{
    *manner = (struct manner){.width = -1};
    if ((*at >= '0' && *at <= '9') || *at == '-') {
        char *end;
        manner->width = strtol(at, &end, 10);
        if (*end == '.') {
            manner->offset = manner->width;
            manner->width = strtol(end + 1, &end, 10);
        }
        at = end;
    }
    size_t count = 0;
    while (*at != '\0' && strchr("LURT", *at) != NULL &&
           count + 1 < sizeof manner->changes) {
        manner->changes[count++] = *at++;
    }
    return at;
}

static const char *apply(struct arena *arena, const struct manner *manner,
                         const char *value)
{
    for (const char *change = manner->changes; *change != '\0'; change++) {
        value = *change == 'R'   ? reverse(arena, value)
                : *change == 'T' ? text_trim(arena_copy(arena, value))
                                 : change_case(arena, value, *change == 'U');
    }
    size_t length = strlen(value);
    size_t back = manner->offset < 0 ? (size_t)0 - (size_t)manner->offset : 0;
    size_t offset = back > length                     ? 0
                    : back > 0                        ? length - back
                    : (size_t)manner->offset < length ? (size_t)manner->offset
                                                      : length;
    size_t width = manner->width < 0 || (size_t)manner->width > length - offset
                       ? length - offset
                       : (size_t)manner->width;
    return arena_copy_bytes(arena, value + offset, width);
}

/* Of the `%` at *at; moves it behind the variable. */
static const char *variable(struct arena *arena, const struct auth_request *request,
                            const char **at, size_t limit, struct error *error)
{
    struct manner manner;
    const char *place = read_manner(*at + 1, &manner);
    const char *value = NULL;
    if (*place == '%') {
        *at = place + 1;
        return "%";
    }
    if (*place == '{') {
        const char *end = strchr(place, '}');
        if (end == NULL) {
            error_set(error, ERROR_RULE, "a %%{ has no }");
            return NULL;
        }
        char *inside = arena_copy_bytes(arena, place + 1, (size_t)(end - place - 1));
        value = long_variable(arena, request, inside, limit, error);
        *at = end + 1;
    } else if (*place == '\0' || name_of(*place) == NULL) {
        error_set(error, ERROR_RULE, "there is no variable %%%c",
                  *place != '\0' ? *place : ' ');
    } else {
        value = value_of(arena, request, name_of(*place), error);
        *at = place + 1;
    }
    return value != NULL ? apply(arena, &manner, value) : NULL;
}

const char *template_expand(struct arena *arena, const struct auth_request *request,
                            const char *text, struct error *error)
{
    struct buffer result;
    buffer_init(&result, RESULT_BYTES);
    bool ok = true;
    const char *at = text;
    size_t limit = arena_used(arena) + COPIED_BYTES;
    while (ok && *at != '\0' && arena_used(arena) <= limit) {
        size_t plain = strcspn(at, "%");
        buffer_append(&result, at, plain);
        at += plain;
        if (*at == '%') {
            const char *value = variable(arena, request, &at, limit, error);
            ok = value != NULL;
            if (ok) {
                buffer_append_text(&result, value);
            }
        }
    }
    if (ok && (result.truncated || arena_used(arena) > limit)) {
        ok = error_set(error, ERROR_RULE, "this is too long to expand");
    }
    const char *expanded = ok ? arena_copy_bytes(arena, result.data, result.length) : NULL;
    buffer_deinit(&result);
    return expanded;
}
