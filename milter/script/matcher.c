/* SPDX-License-Identifier: MIT */
/* From lstrlib.c of Lua 5.4.4, changed: steps are counted, names and style are ours.
 *
 * Copyright (C) 1994-2022 Lua.org, PUC-Rio.
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this
 * software and associated documentation files (the "Software"), to deal in the Software
 * without restriction, including without limitation the rights to use, copy, modify, merge,
 * publish, distribute, sublicense, and/or sell copies of the Software, and to permit
 * persons to whom the Software is furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or
 * substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
 * INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
 * PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
 * FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
 * OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
 * DEALINGS IN THE SOFTWARE. */
#include "script/matcher.h"

#include "script/limits.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

enum {
    DEPTH = 200,      /* of recursion, for the C stack */
    STEPS = 1000,     /* between two looks at the budget */
    SET_BYTES = 8,    /* of an item, or a text compared: one step */
    PLAIN_BYTES = 32, /* searched or compared by libc: one step */
};

static const char *run(struct matcher *m, const char *s, const char *p);

void matcher_charge(struct matcher *m)
{
    int64_t steps = m->steps;
    m->steps = 0;
    limit_charge(m->L, steps);
}

static inline void take(struct matcher *m, int64_t steps)
{
    m->steps += steps;
    if (__builtin_expect(m->steps >= STEPS, 0)) {
        matcher_charge(m);
    }
}

/* What it costs to hold a character against an item. */
static inline int64_t item_steps(const char *p, const char *end)
{
    return 1 + (int64_t)((size_t)(end - p) / SET_BYTES);
}

static int check_capture(struct matcher *m, int digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->level || m->captures[i].length == CAPTURE_OPEN) {
        return luaL_error(m->L, "invalid capture index %%%d", i + 1);
    }
    return i;
}

static int capture_to_close(struct matcher *m)
{
    for (int level = m->level - 1; level >= 0; level--) {
        if (m->captures[level].length == CAPTURE_OPEN) {
            return level;
        }
    }
    return luaL_error(m->L, "invalid pattern capture");
}

static const char *set_end(struct matcher *m, const char *p)
{
    if (*p == '^') {
        p++;
    }
    do {
        if (p == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (missing ']')");
        }
        if (*p++ == '%' && p < m->pattern_end) {
            p++;
        }
    } while (*p != ']');
    return p + 1;
}

/* Of a single character, class or set. */
static inline const char *item_end(struct matcher *m, const char *p)
{
    char first = *p++;
    if (first == '%') {
        if (p == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        }
        return p + 1;
    }
    return first == '[' ? set_end(m, p) : p;
}

static inline bool in_class(int c, int class)
{
    bool is;
    switch (tolower(class)) {
    case 'a':
        is = isalpha(c) != 0;
        break;
    case 'c':
        is = iscntrl(c) != 0;
        break;
    case 'd':
        is = isdigit(c) != 0;
        break;
    case 'g':
        is = isgraph(c) != 0;
        break;
    case 'l':
        is = islower(c) != 0;
        break;
    case 'p':
        is = ispunct(c) != 0;
        break;
    case 's':
        is = isspace(c) != 0;
        break;
    case 'u':
        is = isupper(c) != 0;
        break;
    case 'w':
        is = isalnum(c) != 0;
        break;
    case 'x':
        is = isxdigit(c) != 0;
        break;
    case 'z':
        is = c == 0;
        break;
    default:
        return class == c;
    }
    return islower(class) ? is : !is;
}

/* p is at [, end at ]. */
static bool in_set(int c, const char *p, const char *end)
{
    bool found = true;
    if (p[1] == '^') {
        found = false;
        p++;
    }
    while (++p < end) {
        if (*p == '%') {
            p++;
            if (in_class(c, (unsigned char)*p)) {
                return found;
            }
        } else if (p[1] == '-' && p + 2 < end) {
            p += 2;
            if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p) {
                return found;
            }
        } else if ((unsigned char)*p == c) {
            return found;
        }
    }
    return !found;
}

static inline bool one_matches(const struct matcher *m, const char *s, const char *p,
                               const char *end)
{
    if (s >= m->subject_end) {
        return false;
    }
    int c = (unsigned char)*s;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return in_class(c, (unsigned char)p[1]);
    case '[':
        return in_set(c, p, end - 1);
    default:
        return (unsigned char)*p == c;
    }
}

static const char *run_balance(struct matcher *m, const char *s, const char *p)
{
    if (p >= m->pattern_end - 1) {
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    }
    if (*s != *p) {
        return NULL;
    }
    int open = 1;
    while (++s < m->subject_end) {
        take(m, 1);
        if (*s == p[1]) {
            if (--open == 0) {
                return s + 1;
            }
        } else if (*s == *p) {
            open++;
        }
    }
    return NULL;
}

static const char *run_greedy(struct matcher *m, const char *s, const char *p,
                              const char *end)
{
    ptrdiff_t count = 0;
    while (one_matches(m, s + count, p, end)) {
        count++;
    }
    take(m, count * item_steps(p, end));
    for (; count >= 0; count--) {
        const char *result = run(m, s + count, end + 1);
        if (result != NULL) {
            return result;
        }
    }
    return NULL;
}

static const char *run_lazy(struct matcher *m, const char *s, const char *p,
                            const char *end)
{
    for (;;) {
        const char *result = run(m, s, end + 1);
        if (result != NULL) {
            return result;
        }
        take(m, item_steps(p, end));
        if (!one_matches(m, s, p, end)) {
            return NULL;
        }
        s++;
    }
}

static const char *run_open(struct matcher *m, const char *s, const char *p)
{
    bool position = p[1] == ')';
    take(m, 1);
    if (m->level >= MATCHER_CAPTURES) {
        luaL_error(m->L, "too many captures");
    }
    m->captures[m->level] =
        (struct capture){.begin = s, .length = position ? CAPTURE_POSITION : CAPTURE_OPEN};
    m->level++;
    const char *result = run(m, s, p + (position ? 2 : 1));
    if (result == NULL) {
        m->level--;
    }
    return result;
}

static const char *run_close(struct matcher *m, const char *s, const char *p)
{
    struct capture *capture = &m->captures[capture_to_close(m)];
    take(m, 1);
    capture->length = s - capture->begin;
    const char *result = run(m, s, p + 1);
    if (result == NULL) {
        capture->length = CAPTURE_OPEN;
    }
    return result;
}

/* What an earlier capture matched, once more. */
static const char *run_again(struct matcher *m, const char *s, int digit)
{
    const struct capture *capture = &m->captures[check_capture(m, digit)];
    size_t length = (size_t)capture->length; /* of a position: more than there is */
    take(m, 1);
    if ((size_t)(m->subject_end - s) < length) {
        return NULL;
    }
    take(m, (int64_t)(length / PLAIN_BYTES));
    return memcmp(capture->begin, s, length) == 0 ? s + length : NULL;
}

static const char *run_frontier(struct matcher *m, const char *s, const char *p,
                                const char **next)
{
    if (*p != '[') {
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    }
    const char *end = item_end(m, p);
    take(m, item_steps(p, end));
    int before = s == m->subject ? '\0' : (unsigned char)s[-1];
    *next = end;
    return !in_set(before, p, end - 1) && in_set((unsigned char)*s, p, end - 1) ? s : NULL;
}

/* %b, %f or a digit: no class. */
static inline bool is_special(const char *p)
{
    return *p == '%' && (p[1] == 'b' || p[1] == 'f' || (p[1] >= '0' && p[1] <= '9'));
}

/* How far it got; p is what follows. */
static const char *run_special(struct matcher *m, const char *s, const char **p)
{
    const char *at = *p;
    if (at[1] == 'f') {
        return run_frontier(m, s, at + 2, p);
    }
    if (at[1] == 'b') {
        *p = at + 4;
        return run_balance(m, s, at + 2);
    }
    *p = at + 2;
    return run_again(m, s, (unsigned char)at[1]);
}

/* One item with what follows it. True: go on with s and p; false: s is the result. */
__attribute__((always_inline)) static inline bool run_item(struct matcher *m,
                                                           const char **s, const char **p)
{
    const char *end = item_end(m, *p);
    take(m, item_steps(*p, end));
    if (!one_matches(m, *s, *p, end)) {
        if (*end == '*' || *end == '?' || *end == '-') {
            *p = end + 1;
            return true;
        }
        *s = NULL;
        return false;
    }
    switch (*end) {
    case '?': {
        const char *result = run(m, *s + 1, end + 1);
        if (result == NULL) {
            *p = end + 1;
            return true;
        }
        *s = result;
        return false;
    }
    case '+':
        *s = run_greedy(m, *s + 1, *p, end);
        return false;
    case '*':
        *s = run_greedy(m, *s, *p, end);
        return false;
    case '-':
        *s = run_lazy(m, *s, *p, end);
        return false;
    default:
        ++*s;
        *p = end;
        return true;
    }
}

static const char *run(struct matcher *m, const char *s, const char *p)
{
    if (m->depth-- == 0) {
        luaL_error(m->L, "pattern too complex");
    }
    while (s != NULL && p != m->pattern_end) {
        if (*p == '(') {
            s = run_open(m, s, p);
            break;
        }
        if (*p == ')') {
            s = run_close(m, s, p);
            break;
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            s = s == m->subject_end ? s : NULL;
            break;
        }
        if (is_special(p)) {
            s = run_special(m, s, &p);
        } else if (!run_item(m, &s, &p)) {
            break;
        }
    }
    m->depth++;
    return s;
}

void matcher_begin(struct matcher *m, lua_State *L, const char *subject,
                   size_t subject_length, const char *pattern, size_t pattern_length)
{
    m->L = L;
    m->steps = 0;
    m->subject = subject;
    m->subject_end = subject + subject_length;
    m->pattern_end = pattern + pattern_length;
}

const char *matcher_run(struct matcher *m, const char *at, const char *pattern)
{
    m->depth = DEPTH;
    m->level = 0;
    return run(m, at, pattern);
}

void matcher_push_capture(struct matcher *m, int i, const char *begin, const char *end)
{
    if (i >= m->level) {
        if (i != 0) {
            luaL_error(m->L, "invalid capture index %%%d", i + 1);
        }
        lua_pushlstring(m->L, begin, (size_t)(end - begin));
        return;
    }
    const struct capture *capture = &m->captures[i];
    if (capture->length == CAPTURE_OPEN) {
        luaL_error(m->L, "unfinished capture");
    } else if (capture->length == CAPTURE_POSITION) {
        lua_pushinteger(m->L, capture->begin - m->subject + 1);
    } else {
        lua_pushlstring(m->L, capture->begin, (size_t)capture->length);
    }
}

int matcher_push_captures(struct matcher *m, const char *begin, const char *end)
{
    int count = m->level == 0 && begin != NULL ? 1 : m->level;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) {
        matcher_push_capture(m, i, begin, end);
    }
    return count;
}

const char *matcher_find_plain(lua_State *L, const char *subject, size_t subject_length,
                               const char *text, size_t text_length)
{
    if (text_length == 0) {
        return subject;
    }
    const char *end = subject + subject_length;
    while ((size_t)(end - subject) >= text_length) {
        size_t places = (size_t)(end - subject) - text_length + 1;
        const char *at = memchr(subject, *text, places);
        size_t passed = at != NULL ? (size_t)(at - subject) + text_length : places;
        limit_charge(L, (int64_t)(1 + passed / PLAIN_BYTES));
        if (at == NULL || memcmp(at, text, text_length) == 0) {
            return at;
        }
        subject = at + 1;
    }
    return NULL;
}
