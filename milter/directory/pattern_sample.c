/* SPDX-License-Identifier: MIT */
#include "directory/pattern_sample.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Groups nest no deeper in what a person writes; repeats are cut. */
enum { SAMPLE_BYTES = 256, NESTING_MAX = 32, REPEATS_MAX = 64 };

struct sampler {
    const char *at; /* in the expression */
    char text[SAMPLE_BYTES];
    size_t length;
    int nesting;
};

static void put(struct sampler *sampler, char c)
{
    if (sampler->length + 1 < sizeof sampler->text) {
        sampler->text[sampler->length++] = c;
    }
}

/* What stands for one character behind a backslash; NUL: nothing does. */
static char escaped(char c)
{
    switch (c) {
    case 'd':
        return '1';
    case 'w':
    case 'D':
    case 'S':
    case 'N':
        return 'a';
    case 'W':
        return '.';
    case 's':
    case 'h':
        return ' ';
    default:
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                   ? '\0'
                   : c;
    }
}

/* Behind `[`: to behind its `]`. */
static void take_class(struct sampler *sampler)
{
    const char *c = sampler->at;
    bool negated = *c == '^';
    c += negated;
    const char *first = c;
    c += *c == ']';
    while (*c != '\0' && *c != ']') {
        if (*c == '\\' && c[1] != '\0') {
            c++;
        } else if (*c == '[' && c[1] == ':') {
            const char *end = strstr(c, ":]");
            c = end != NULL ? end + 1 : c;
        }
        c++;
    }
    char chosen = *first == '\\' ? escaped(first[1]) : *first;
    if (first[0] == '[' && first[1] == ':') {
        chosen = strncmp(first, "[:digit:]", strlen("[:digit:]")) == 0 ? '1' : 'a';
    }
    if (negated) {
        chosen = memchr(first, 'x', (size_t)(c - first)) == NULL ? 'x' : '1';
    }
    put(sampler, chosen != '\0' ? chosen : 'a');
    sampler->at = *c == ']' ? c + 1 : c;
}

static void take_alternatives(struct sampler *sampler);

/* Behind `(`: options and names of the group, to where its text begins. True: the group
 * looks round or sets options, and takes no text. */
static bool is_aside(struct sampler *sampler)
{
    const char *c = sampler->at;
    if (*c != '?') {
        return false;
    }
    c += 1 + (c[1] == 'P');
    if (*c == '=' || *c == '!' || *c == '#' ||
        (*c == '<' && (c[1] == '=' || c[1] == '!'))) {
        return true;
    }
    bool is_named = *c == '<' || *c == '\'';
    while (*c != '\0' && *c != ')' && *c != ':' && *c != '>' && *c != '|') {
        c++;
    }
    sampler->at = *c == '\0' || *c == ')' ? c : c + 1;
    return !is_named && *c == ')';
}

static void take_group(struct sampler *sampler)
{
    size_t before = sampler->length;
    bool aside = is_aside(sampler);
    take_alternatives(sampler);
    if (aside) {
        sampler->length = before;
    }
    sampler->at += *sampler->at == ')';
}

static void take_escape(struct sampler *sampler)
{
    char c = *sampler->at;
    if (c == '\0') {
        return;
    }
    sampler->at++;
    if (c == 'Q') {
        while (*sampler->at != '\0' && strncmp(sampler->at, "\\E", 2) != 0) {
            put(sampler, *sampler->at++);
        }
    } else if (escaped(c) != '\0') {
        put(sampler, escaped(c));
    }
}

/* One thing that a quantifier may stand behind. */
static void take_atom(struct sampler *sampler)
{
    char c = *sampler->at++;
    switch (c) {
    case '^':
    case '$':
        break;
    case '.':
        put(sampler, 'a');
        break;
    case '\\':
        take_escape(sampler);
        break;
    case '[':
        take_class(sampler);
        break;
    case '(':
        take_group(sampler);
        break;
    default:
        put(sampler, c);
    }
}

/* How often the atom before must stand; 1 where it may be left out. */
static long take_quantifier(struct sampler *sampler)
{
    long count = 1;
    const char *c = sampler->at;
    if (*c == '{' && c[1] >= '0' && c[1] <= '9') {
        char *end;
        count = strtol(c + 1, &end, 10);
        c = end + strcspn(end, "}");
        sampler->at = *c == '}' ? c + 1 : c;
    } else if (*c == '*' || *c == '+' || *c == '?') {
        sampler->at++;
    } else {
        return 1;
    }
    if (*sampler->at == '?' || *sampler->at == '+') {
        sampler->at++;
    }
    return count < 1 ? 1 : count < REPEATS_MAX ? count : REPEATS_MAX;
}

/* Up to the end of the group or of the expression; only the first alternative is kept. */
static void take_alternatives(struct sampler *sampler)
{
    if (++sampler->nesting > NESTING_MAX) {
        sampler->at += strlen(sampler->at);
    }
    size_t kept = SIZE_MAX;
    while (*sampler->at != '\0' && *sampler->at != ')') {
        if (*sampler->at == '|') {
            kept = kept == SIZE_MAX ? sampler->length : kept;
            sampler->at++;
            continue;
        }
        size_t before = sampler->length;
        take_atom(sampler);
        size_t size = sampler->length - before;
        for (long more = take_quantifier(sampler) - 1; more > 0; more--) {
            for (size_t i = 0; i < size; i++) {
                put(sampler, sampler->text[before + i]);
            }
        }
    }
    sampler->length = kept == SIZE_MAX ? sampler->length : kept;
    sampler->nesting--;
}

const char *pattern_sample(struct arena *arena, const char *expression)
{
    struct sampler sampler = {.at = expression};
    take_alternatives(&sampler);
    /* A `)` too many ends it early; PCRE2 would not have compiled that. */
    return arena_copy_bytes(arena, sampler.text, sampler.length);
}
