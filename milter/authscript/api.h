/* SPDX-License-Identifier: MIT */
/* What auth scripts see: one api_*.c a Lua table or object. Private to authscript/. */
#ifndef FOREGATE_AUTHSCRIPT_API_H
#define FOREGATE_AUTHSCRIPT_API_H

#include "authscript/call.h"
#include "base/log.h"

#include <lua.h>

/* Nothing of Lua's that would end, stop or change the whole process. */
void auth_libraries_open(lua_State *L);
void auth_coroutines_open(lua_State *L); /* that waiting passes through */

/* Of the budget, behind each wait: no hook sees how long it took, but who is charged so
 * much has the time looked at. */
enum { AUTH_WAIT_COST = 1000 };

/* The global dovecot. */
void auth_dovecot_open(lua_State *L);

/* Fields of the table on top of the stack. */
void auth_event_open(lua_State *L);  /* event */
void auth_http_open(lua_State *L);   /* http */
void auth_base64_open(lua_State *L); /* base64 */

/* The metatable of the request, into the registry. */
void auth_request_open(lua_State *L);

/* The object that functions of the script get: valid until the call ends. */
void auth_request_push(lua_State *L, struct auth_call *call);

/* The running call. Raises where there is none: in a finalizer that runs between calls. */
struct auth_call *auth_call_needed(lua_State *L);

/* A new event on the stack. */
int auth_event_new(lua_State *L);

/* The text at this place of the stack, as a log line of the running call. */
void auth_log(lua_State *L, enum log_level level, int index, const char *prefix);

#endif
