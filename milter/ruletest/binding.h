/* SPDX-License-Identifier: MIT */
/* The trial, its world and its sessions, for lua/test.lua alone. Private to ruletest/. */
#ifndef FOREGATE_RULETEST_BINDING_H
#define FOREGATE_RULETEST_BINDING_H

#include "ruletest/trial.h"

#include <lua.h>

/* Pushes one table with all functions. The trial outlives the state; NULL: there is none,
 * while a file is only read, and the functions are not called. */
void binding_push(lua_State *L, struct trial *trial);

/* Each adds its functions to the table on top of the stack. */
void binding_services_open(lua_State *L, struct trial *trial);
void binding_session_open(lua_State *L, struct trial *trial);

/* The running trial; raises when the test takes too long. */
struct trial *binding_trial(lua_State *L);

/* What a function returns that gives nothing but may fail; raises then. */
int binding_done(lua_State *L, bool ok, const struct error *error);

/* Of the table on top of the stack; nil for NULL. */
void binding_set_text(lua_State *L, const char *name, const char *value);

#endif
