/* SPDX-License-Identifier: MIT */
/* Lua's pattern matcher, as in lstrlib.c of Lua 5.4, with one difference: each step is
 * taken from the call's budget, since one match can take longer than anybody waits and
 * passes no hook. Private to script/. */
#ifndef FOREGATE_SCRIPT_MATCHER_H
#define FOREGATE_SCRIPT_MATCHER_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

enum { MATCHER_CAPTURES = 32 };

struct matcher {
    const char *subject, *subject_end;
    const char *pattern_end;
    lua_State *L;
    int64_t steps; /* not charged yet */
    int depth;
    int level; /* captures, closed or not */

    struct capture {
        const char *begin;
        ptrdiff_t length; /* or one of CAPTURE_ */
    } captures[MATCHER_CAPTURES];
};

/* pattern is without its ^. */
void matcher_begin(struct matcher *matcher, lua_State *L, const char *subject,
                   size_t subject_length, const char *pattern, size_t pattern_length);

/* The end of the match that begins at; NULL: none. Raises for a malformed pattern, and over
 * a limit. */
const char *matcher_run(struct matcher *matcher, const char *at, const char *pattern);

/* Before the matcher is done with, so that the last steps count too. */
void matcher_charge(struct matcher *matcher);

/* Pushes capture i, counted from 0, of the match from begin to end; 0 of a pattern without
 * captures is the match. */
void matcher_push_capture(struct matcher *matcher, int i, const char *begin,
                          const char *end);

/* All of them; the whole match when there are none and begin is not NULL. */
int matcher_push_captures(struct matcher *matcher, const char *begin, const char *end);

/* Searches without a pattern; charges as well. */
const char *matcher_find_plain(lua_State *L, const char *subject, size_t subject_length,
                               const char *text, size_t text_length);

#endif
