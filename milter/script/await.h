/* SPDX-License-Identifier: MIT */
/* The only yield and the only resume loop. A function that must wait yields here; the
 * worker unlocks the state, waits for the requests, locks it again and resumes. Private to
 * script/. */
#ifndef FOREGATE_SCRIPT_AWAIT_H
#define FOREGATE_SCRIPT_AWAIT_H

#include "io/request.h"
#include "script/state.h"

#include <lua.h>

/* From a C function called by Lua: returns to Lua only through continuation, when the
 * request is complete. The request must be anchored on the stack of L (a userdata). Raises
 * where Lua cannot yield, naming the place. */
int await_request(lua_State *L, struct request *request, lua_KContext context,
                  lua_KFunction continuation);

/* The same for work(argument), which runs on the calling thread with the state unlocked and
 * must not touch Lua; argument must be anchored. Where Lua cannot yield it runs at once.
 * Works below one all {} run one after the other, then its requests are waited for. */
int await_work(lua_State *L, void (*work)(void *argument), void *argument,
               lua_KContext context, lua_KFunction continuation);

/* all { f, g, ... }: the functions side by side under the call's deadline. */
int await_all(lua_State *L);

/* Resumes thread with argument_count values on its stack until it ends, waiting in
 * between with the state unlocked. Returns LUA_OK with the results on thread's stack, or an
 * error status with the message and traceback on top. The state is locked before and after.
 */
int await_run(struct call *call, lua_State *thread, int argument_count, int *result_count);

/* What is left of the call's time, at most limit_ms. At least 1. */
int await_timeout_ms(const struct call *call, int limit_ms);

#endif
