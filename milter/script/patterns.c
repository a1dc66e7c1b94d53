/* SPDX-License-Identifier: MIT */
/* string.find, match, gmatch and gsub as in lstrlib.c of Lua 5.4.4 (licence: matcher.c), on
 * the matcher that counts; offers
 *   string.find(s, pattern [, init [, plain]])   string.match(s, pattern [, init])
 *   string.gmatch(s, pattern [, init])           string.gsub(s, pattern, replacement [, n])
 */
#include "script/bounded.h"
#include "script/limits.h"
#include "script/matcher.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum {
    PATTERN_BYTES = 1024,
    REPLACEMENT_STEPS = 10, /* a call or a look-up */
    COPY_BYTES = 64,        /* copied: one step */
};

static size_t start_of(lua_Integer position, size_t length)
{
    if (position > 0) {
        return (size_t)position - 1;
    }
    if (position == 0 || position < -(lua_Integer)length) {
        return 0;
    }
    return length + (size_t)position;
}

/* What the functions are given: where to look, and what for. */
struct texts {
    const char *subject, *pattern;
    size_t subject_length, pattern_length;
};

static struct texts texts_get(lua_State *L)
{
    struct texts texts;
    texts.subject = luaL_checklstring(L, 1, &texts.subject_length);
    texts.pattern = luaL_checklstring(L, 2, &texts.pattern_length);
    return texts;
}

static void texts_check(lua_State *L, const struct texts *texts)
{
    if (texts->subject_length > RESULT_BYTES) {
        limit_size(L, "a pattern function takes a subject of at most %d bytes",
                   RESULT_BYTES);
    }
    if (texts->pattern_length > PATTERN_BYTES) {
        limit_size(L, "a pattern has at most %d bytes", PATTERN_BYTES);
    }
}

/* argument counts from 1, or from the end. */
static size_t start_get(lua_State *L, int argument, size_t length)
{
    int type = lua_type(L, argument);
    if (type <= LUA_TNIL) {
        return 0;
    }
    bounded_number(L, argument);
    return start_of(luaL_checkinteger(L, argument), length);
}

static bool is_plain(const char *pattern, size_t length)
{
    size_t upto = 0;
    do {
        if (strpbrk(pattern + upto, "^$*+?.([%-") != NULL) {
            return false;
        }
        upto += strlen(pattern + upto) + 1; /* there may be more behind a NUL */
    } while (upto <= length);
    return true;
}

static int find_plain(lua_State *L, const struct texts *texts, size_t start)
{
    const char *at =
        matcher_find_plain(L, texts->subject + start, texts->subject_length - start,
                           texts->pattern, texts->pattern_length);
    if (at == NULL) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, at - texts->subject + 1);
    lua_pushinteger(L, at - texts->subject + (lua_Integer)texts->pattern_length);
    return 2;
}

static int found(lua_State *L, struct matcher *matcher, const char *at, const char *end,
                 bool positions)
{
    matcher_charge(matcher);
    if (!positions) {
        return matcher_push_captures(matcher, at, end);
    }
    lua_pushinteger(L, at - matcher->subject + 1);
    lua_pushinteger(L, end - matcher->subject);
    return matcher_push_captures(matcher, NULL, NULL) + 2;
}

static int find_pattern(lua_State *L, const struct texts *texts, size_t start,
                        bool positions)
{
    texts_check(L, texts);
    bool anchored = *texts->pattern == '^';
    const char *pattern = texts->pattern + anchored;
    struct matcher matcher;
    matcher_begin(&matcher, L, texts->subject, texts->subject_length, pattern,
                  texts->pattern_length - anchored);
    const char *at = texts->subject + start;
    do {
        const char *end = matcher_run(&matcher, at, pattern);
        if (end != NULL) {
            return found(L, &matcher, at, end, positions);
        }
        matcher.steps++;
    } while (at++ < matcher.subject_end && !anchored);
    matcher_charge(&matcher);
    luaL_pushfail(L);
    return 1;
}

static int find_from(lua_State *L, bool positions)
{
    struct texts texts = texts_get(L);
    size_t start = start_get(L, 3, texts.subject_length);
    if (start > texts.subject_length) {
        luaL_pushfail(L);
        return 1;
    }
    if (positions &&
        (lua_toboolean(L, 4) || is_plain(texts.pattern, texts.pattern_length))) {
        return find_plain(L, &texts, start);
    }
    return find_pattern(L, &texts, start, positions);
}

static int string_find(lua_State *L)
{
    return find_from(L, true);
}

static int string_match(lua_State *L)
{
    return find_from(L, false);
}

/* Upvalue 3 of the iterator; 1 and 2 anchor the texts. */
struct iteration {
    const char *at, *pattern, *last_end;
    struct matcher matcher;
};

static int iterate(lua_State *L)
{
    struct iteration *iteration = lua_touserdata(L, lua_upvalueindex(3));
    struct matcher *matcher = &iteration->matcher;
    matcher->L = L;
    for (const char *at = iteration->at; at <= matcher->subject_end; at++) {
        const char *end = matcher_run(matcher, at, iteration->pattern);
        if (end != NULL && end != iteration->last_end) {
            iteration->at = iteration->last_end = end;
            return found(L, matcher, at, end, false);
        }
        matcher->steps++;
    }
    matcher_charge(matcher);
    return 0;
}

static int string_gmatch(lua_State *L)
{
    struct texts texts = texts_get(L);
    texts_check(L, &texts);
    size_t start = start_get(L, 3, texts.subject_length);
    lua_settop(L, 2);
    struct iteration *iteration = lua_newuserdatauv(L, sizeof *iteration, 0);
    iteration->pattern = texts.pattern;
    iteration->last_end = NULL;
    matcher_begin(&iteration->matcher, L, texts.subject, texts.subject_length,
                  texts.pattern, texts.pattern_length);
    iteration->at =
        texts.subject + (start > texts.subject_length ? texts.subject_length + 1 : start);
    lua_pushcclosure(L, iterate, 3);
    return 1;
}

/* The replacement's text, at stack place 3, with %0 to %9 filled in. */
static void add_text(struct matcher *matcher, luaL_Buffer *buffer, const char *begin,
                     const char *end)
{
    lua_State *L = matcher->L;
    size_t length;
    const char *text = lua_tolstring(L, 3, &length);
    const char *text_end = text + length;
    const char *escape;
    while ((escape = memchr(text, '%', (size_t)(text_end - text))) != NULL) {
        luaL_addlstring(buffer, text, (size_t)(escape - text));
        char next = escape[1];
        if (next == '%') {
            luaL_addchar(buffer, next);
        } else if (next == '0') {
            luaL_addlstring(buffer, begin, (size_t)(end - begin));
        } else if (isdigit((unsigned char)next)) {
            matcher_push_capture(matcher, next - '1', begin, end);
            luaL_addvalue(buffer);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        text = escape + 2;
    }
    luaL_addlstring(buffer, text, (size_t)(text_end - text));
}

/* False: the match stays as it is. */
static bool add_replacement(struct matcher *matcher, luaL_Buffer *buffer, const char *begin,
                            const char *end, int type)
{
    lua_State *L = matcher->L;
    matcher->steps += REPLACEMENT_STEPS;
    matcher_charge(matcher);
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, matcher_push_captures(matcher, begin, end), 1);
    } else if (type == LUA_TTABLE) {
        matcher_push_capture(matcher, 0, begin, end);
        lua_gettable(L, 3);
    } else {
        add_text(matcher, buffer, begin, end);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(buffer, begin, (size_t)(end - begin));
        return false;
    }
    if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(buffer);
    return true;
}

/* Replaces up to most matches; true: something changed. */
static bool replace(struct matcher *matcher, luaL_Buffer *buffer, const char *pattern,
                    lua_Integer most, lua_Integer *count)
{
    int type = lua_type(matcher->L, 3);
    bool anchored = *pattern == '^';
    bool changed = false;
    const char *last_end = NULL;
    const char *at = matcher->subject;
    while (*count < most) {
        const char *end = matcher_run(matcher, at, pattern + anchored);
        if (end != NULL && end != last_end) {
            ++*count;
            changed = add_replacement(matcher, buffer, at, end, type) || changed;
            at = last_end = end;
        } else if (at < matcher->subject_end) {
            matcher->steps++;
            luaL_addchar(buffer, *at);
            at++;
        } else {
            break;
        }
        if (luaL_bufflen(buffer) > RESULT_BYTES) {
            limit_size(matcher->L, "string.gsub makes at most %d bytes", RESULT_BYTES);
        }
        if (anchored) {
            break;
        }
    }
    luaL_addlstring(buffer, at, (size_t)(matcher->subject_end - at));
    return changed;
}

static int string_gsub(lua_State *L)
{
    struct texts texts = texts_get(L);
    texts_check(L, &texts);
    int type = lua_type(L, 3);
    bounded_number(L, 4);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)texts.subject_length + 1);
    lua_Integer count = 0;
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    bool anchored = *texts.pattern == '^';
    struct matcher matcher;
    matcher_begin(&matcher, L, texts.subject, texts.subject_length,
                  texts.pattern + anchored, texts.pattern_length - anchored);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    bool changed = replace(&matcher, &buffer, texts.pattern, most, &count);
    matcher.steps += (int64_t)(luaL_bufflen(&buffer) / COPY_BYTES);
    matcher_charge(&matcher);
    if (changed) {
        luaL_pushresult(&buffer);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, count);
    return 2;
}

void patterns_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", string_find},
        {"match", string_match},
        {"gmatch", string_gmatch},
        {"gsub", string_gsub},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
