/* SPDX-License-Identifier: MIT */
/* What one call of a rule may use up: time, instructions, memory, and the size of one
 * value. Lua's count hook sees instructions only; a C function that works for long, or on
 * much, charges the budget itself. Private to script/. */
#ifndef FOREGATE_SCRIPT_LIMITS_H
#define FOREGATE_SCRIPT_LIMITS_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

struct call;

enum limit {
    LIMIT_NONE,
    LIMIT_TIME,
    LIMIT_INSTRUCTIONS,
    LIMIT_MEMORY,
    LIMIT_SIZE, /* of one value: the only one that a rule may catch and go on */
    LIMIT_COUNT,
};

enum {
    RESULT_BYTES = 1 << 20, /* one text that a library function makes or looks through */
    TABLE_MOVES = 1000000,
};

const char *limit_name(enum limit limit);

/* The call runs in thread from now on, with its hook. */
void limit_begin(struct call *call, lua_State *thread);

/* A thread below a running one. Its first look comes soon, so that many short ones are
 * seen. */
void limit_begin_child(struct call *call, lua_State *thread);

/* A thread that a call goes back to: when the call is over a limit, at once. */
void limit_return(struct call *call, lua_State *thread);

/* Takes amount from the budget; raises when that, or the time, is used up. One is about
 * what an instruction costs. Nothing without a call: our own library runs. */
void limit_charge(lua_State *L, int64_t amount);

/* Raises: the value is too large. */
int limit_size(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The allocator's: the running call did not get so many bytes. Never raises. */
void limit_refused(struct call *call, size_t bytes);

/* Calls the function for each line that a call runs, and for each return; NULL: no more.
 * Without a call under way; for tests of rules, which run on one thread. */
void limit_watch_lines(lua_Hook function);

/* The kind that ended a call with the error on top of the thread's stack, and its place. */
void limit_settle(struct call *call, lua_State *thread, int status);

#endif
