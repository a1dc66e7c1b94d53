/* SPDX-License-Identifier: MIT */
/* Lua's own library as rules get it: every function whose cost grows with what it is given
 * charges the call or has a cap, and none takes a text for a number. Private to script/. */
#ifndef FOREGATE_SCRIPT_BOUNDED_H
#define FOREGATE_SCRIPT_BOUNDED_H

#include <lua.h>

/* Opens the libraries and puts the bounded functions in their place. */
void bounded_open(lua_State *L);

/* All of Lua's standard libraries, with the bounded functions in their place that cost what
 * they are given; numbers may be texts, as in Lua. For files that were not written for us.
 */
void bounded_open_standard(lua_State *L);

/* Raises when the argument is a text, which Lua would read as a number; not in a state that
 * allows it. */
void bounded_number(lua_State *L, int argument);

/* Puts the content of a frozen table (sandbox.lua) in its place: for functions that look
 * past metatables. Nothing of it may reach a rule. */
void bounded_thaw(lua_State *L, int index);

/* Adds find, match, gmatch and gsub to the table on top of the stack (patterns.c). */
void patterns_open(lua_State *L);

#endif
