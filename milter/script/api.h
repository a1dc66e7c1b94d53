/* SPDX-License-Identifier: MIT */
/* The functions and handles that rules see, one api_*.c a Lua table or handle. Private to
 * script/. A handle is cut when its call ends: a later use raises "message is gone". */
#ifndef FOREGATE_SCRIPT_API_H
#define FOREGATE_SCRIPT_API_H

#include "mail/value.h"
#include "script/state.h"

#include <lua.h>

/* Pushes one table with everything: directory, quota, dns, http, clock, log, verdict
 * constructors, all. */
void api_open(lua_State *L);

/* Each registers its metatables and adds its fields to the table on top of the stack. */
void api_address_open(lua_State *L);
void api_session_open(lua_State *L);
void api_message_open(lua_State *L);
void api_recipient_open(lua_State *L);
void api_notes_open(lua_State *L);
void api_verdict_open(lua_State *L);
void api_directory_open(lua_State *L);
void api_quota_open(lua_State *L);
void api_dns_open(lua_State *L);
void api_http_open(lua_State *L);
void api_clock_open(lua_State *L);
void api_log_open(lua_State *L);

/* The running call; raises while a rule file is loaded. */
struct call *api_call(lua_State *L);

/* A number, never a text that looks like one. */
lua_Integer api_integer(lua_State *L, int argument);

/* Handles: type is the metatable's name, like "foregate.session". */
void handle_open(lua_State *L, const char *type, lua_CFunction index,
                 lua_CFunction newindex);
void handle_push(lua_State *L, const char *type, const void *object);
void *handle_check(lua_State *L, int argument, const char *type);
const char *handle_field(lua_State *L); /* the key of an __index or __newindex call */

/* For the record, never raising: what an address or recipient of this call is written as,
 * and the recipient; NULL when the value is something else. */
const char *handle_text(lua_State *L, int index);
const struct recipient *handle_recipient(lua_State *L, int index);

void session_push(lua_State *L, struct session *session);
void message_push(lua_State *L, struct message *message);
void recipient_push(lua_State *L, struct recipient *recipient);
void address_push(lua_State *L, const struct address *address);
void params_push(lua_State *L, const char *const *params);
/* notes belong to a table in C; arena is where new values of it live. name is static, like
 * "message.notes"; of: the recipient whose notes they are, else NULL. */
void notes_push(lua_State *L, struct value *notes, struct arena *arena, const char *name,
                const struct recipient *of);

/* The address at argument: a handle, or a text that is parsed. NULL when a text is no
 * address: then the reason is pushed. */
const struct address *address_check(lua_State *L, int argument);

/* What this call asks about addresses; it waits no longer than the call may. */
struct directory api_directory(const struct call *call);

/* By which addresses are read in this call. */
const struct address_rules *api_address_rules(const struct call *call);

/* A verdict value at index, checked when it was made; NULL when it is something else. The
 * strings are copied into arena. */
bool verdict_get(lua_State *L, int index, struct arena *arena, struct verdict *verdict);

/* Plain values across the border, in both directions; value_get raises for what is not
 * plain. */
void value_push(lua_State *L, const struct value *value);
struct value value_get(lua_State *L, int index, struct arena *arena);

/* Count values from the absolute index first on, for the record; never raising: what is not
 * plain, or too much, is replaced by a text in brackets or left out, and *is_cut set when
 * that loses something. The values stay as they are. */
struct value_list values_describe(lua_State *L, int first, int count, struct arena *arena,
                                  bool *is_cut);

#endif
