/* SPDX-License-Identifier: MIT */
/* A call of a function of an auth script, from lock to unlock. Private to authscript/. */
#ifndef FOREGATE_AUTHSCRIPT_CALL_H
#define FOREGATE_AUTHSCRIPT_CALL_H

#include "authscript/auth_script.h"
#include "script/engine.h"
#include "script/state.h"

#include <lua.h>
#include <stdatomic.h>

enum { AUTH_FUNCTIONS = 4 };

struct auth_script {
    char *file;
    char *source; /* read once: all states run the same */
    size_t source_length;
    char *arguments;
    char *scheme;
    int64_t instructions;
    int timeout_ms;
    bool needs_ids;
    struct services services;
    bool has_passdb, has_verify, has_userdb;
    atomic_bool told_no_value; /* in the log */
    int state_count;
    struct state **states;
};

/* What a call may take of its arena, texts that it reads and answers of servers. */
enum { AUTH_CALL_BYTES = 16 << 20 };

/* The call is first: what call_of finds is one of these. */
struct auth_call {
    struct call call;
    size_t scratch_before; /* bytes of the arena that others use */
    struct auth_script *script;
    const struct auth_request *request; /* NULL: there is none */
    bool is_userdb;
    lua_State *thread;
    int anchor;
};

static inline struct auth_call *auth_call_of(lua_State *L)
{
    return (struct auth_call *)(void *)call_of(L);
}

/* Locks the least used state. One whose globals hoard its memory begins anew when nobody is
 * in it. timeout_ms: of this call, if that is less than the script's; 0: the script's.
 * False: RULE, none was free within that time, and there is nothing to end. */
bool auth_call_begin(struct auth_call *call, struct auth_script *script, int timeout_ms,
                     struct arena *arena, struct error *error);
void auth_call_end(struct auth_call *call);

/* For auth_script.c, alone with the state, or with it locked: it stays so, also while the
 * script waits. */
void auth_call_open(struct auth_call *call, struct auth_script *script, struct state *state,
                    struct arena *arena);
void auth_call_close(struct auth_call *call);

/* Raises when the call has taken all that it may of its arena. */
void auth_call_room(lua_State *L, struct auth_call *call);

/* Runs the file and its script_init in a fresh state. */
bool auth_call_load(struct auth_script *script, struct state *state, struct error *error);

/* The function below so many arguments, on the thread: results in their place, results
 * many. False: RULE, with file and line. */
bool auth_call_run(struct auth_call *call, int arguments, int results, struct error *error);

/* The text without the request's password, where that is in it. */
const char *auth_call_hide(const struct auth_call *call, const char *text);

/* Pushes the global function on the thread. False: there is none, nothing is pushed. */
bool auth_call_push(struct auth_call *call, const char *name);

#endif
