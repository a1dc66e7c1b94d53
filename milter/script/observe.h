/* SPDX-License-Identifier: MIT */
/* What rules read, ask, note and edit, recorded beside their decisions (mail/observation.h)
 * while the stage keeps complete ones; and answers of an earlier run given again in place
 * of the functions (struct replay). An observed function runs in the frame that Lua made
 * for the call, so errors, tracebacks and waits are the same with and without an observer.
 * Private to script/. */
#ifndef FOREGATE_SCRIPT_OBSERVE_H
#define FOREGATE_SCRIPT_OBSERVE_H

#include "mail/observation.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lua.h>

/* Sets the field name of the table on top of the stack: a table of these functions, each
 * observed as NAME.FUNCTION. functions is static and ends with a NULL name. */
void observe_library(lua_State *L, const char *name, const luaL_Reg *functions);

/* Takes what nobody may read in a record out of a copy of a call's arguments. What is left
 * tells two calls apart, for a replay. */
struct observe_mask {
    void (*hide)(struct arena *arena, struct value_list *arguments);
};

/* Pushes one such function by its whole name. function and mask (may be NULL) are static.
 */
void observe_function(lua_State *L, const char *name, const luaL_Reg *function,
                      const struct observe_mask *mask);

/* Pushes a method of a handle, its first argument, observed as OWNER.METHOD: INPUT or EDIT.
 * method is static. */
void observe_method(lua_State *L, enum observation_kind kind, const char *owner,
                    const luaL_Reg *method);

/* The value on top of the stack, left there, was read from a field, or set in one: INPUT or
 * NOTE. of: the recipient that has the field, else NULL. */
void observe_field(lua_State *L, enum observation_kind kind, const char *owner,
                   const char *field, const struct recipient *of);

/* How the function that runs came to its answer, when it is observed. Both are copied;
 * remark may be NULL. */
void observe_source(struct call *call, const char *source, const char *remark);

/* True: the running function is observed, and a remark worth making. */
static inline bool observe_is_on(const struct call *call)
{
    return call->observation != NULL;
}

/* The results of the function that runs are on top of the stack. Returns their count. Also
 * for await, whose function ends after a wait. */
int observe_results(lua_State *L, int count);

#endif
