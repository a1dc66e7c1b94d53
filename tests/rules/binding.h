/* SPDX-License-Identifier: MIT */
/* The global table `world` of test files: a world and its sessions, one function of
 * world.h and transaction.h each. harness.lua makes something pleasant of it. */
#ifndef FOREGATE_TESTS_BINDING_H
#define FOREGATE_TESTS_BINDING_H

#include <lua.h>

void binding_open(lua_State *L);

#endif
