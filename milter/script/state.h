/* SPDX-License-Identifier: MIT */
/* One Lua state: memory cap, sandbox, library, our tables. Private to script/. */
#ifndef FOREGATE_SCRIPT_STATE_H
#define FOREGATE_SCRIPT_STATE_H

#include "base/error.h"
#include "script/engine.h"
#include "script/limits.h"

#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { RULE_NAME_BYTES = 64, SWITCH_BYTES = 128, TESTS_BYTES = 512 };

/* What all states of a generation share of a rule. */
struct rule {
    char name[RULE_NAME_BYTES];
    char *file;
    char *source; /* its content, read once: all states run the same */
    char
        switches[SWITCH_BYTES]; /* settings that switch it, blanks between; "": always on */
    char tests[TESTS_BYTES];    /* files beside its own, blanks between; "": none */
    bool enabled;
    bool shadow;
    bool defer_on_error;
    bool handles[STAGE_COUNT];
};

struct state {
    pthread_mutex_t lock; /* protects L; held only while Lua runs */
    lua_State *L;
    atomic_int users; /* calls in it, waiting ones too: for choosing the least loaded */
    size_t memory_bytes;
    size_t memory_limit;
    bool texts_are_numbers; /* where a function wants a number, as in Lua */
    atomic_bool spent;      /* rules hoard its memory: to be replaced */
    struct call *running;   /* its rule code runs: the cap holds. NULL: our own set-up */
    uint64_t next_call_id;
    /* Registry references, LUA_NOREF where there is none. */
    int library_ref;                  /* what ruleset.lua returned */
    int *manifest_refs;               /* what its load made of each rule */
    int (*handler_refs)[STAGE_COUNT]; /* one row a rule */
    int *settings_refs;
};

/* What runs in a coroutine right now: reached from any C function by call_of(L). */
struct call {
    uint64_t id;
    struct stage_call *stage_call;
    const struct services *services;
    struct state *state;
    const struct rule *rule;
    uint64_t generation;   /* its number */
    struct arena *scratch; /* dies with the call */
    int64_t instructions_left;
    int64_t charged;       /* by functions, since the last look for that */
    int64_t deadline_ms;   /* monotonic */
    int64_t began_seconds; /* since the epoch: what rules take for now */
    enum limit limit;      /* the one that it ran into; it ends */
    char place[128];       /* file and line of that; "": not known */
    bool too_large;        /* refused for its size; that may be caught */
    size_t refused_bytes;  /* the last request for memory, until it is asked again */
    int memory_failures;
    lua_State *running;
    bool keeps_lock; /* of the state, while it waits: nobody else is to see it */
    int log_lines;
    struct observation *observation; /* of the function that runs; NULL: not observed */
};

struct state *state_new(size_t memory_limit, const char *library_path, struct error *error);
void state_free(struct state **state);

/* With Lua's standard libraries and nothing of ours: for files that were not written for
 * us. */
struct state *state_new_standard(size_t memory_limit);

/* The same state, empty again. With no call in it, locked or alone. */
void state_renew_standard(struct state *state);

/* Runs a file of our own library with the values on the stack as arguments, for one result
 * in their place. CONFIG, with how to mend it. */
bool state_run_library(lua_State *L, const char *folder, const char *name, int arguments,
                       struct error *error);

/* Calls the function below so many arguments, as no part of a message, within these limits
 * and the state's memory: one result in their place. An empty stack when it fails (CONFIG).
 */
bool state_call(struct state *state, int arguments, int64_t instructions, int deadline_ms,
                struct error *error);

/* Leaves one value on the stack: what ruleset.lua made of the table that the rule file
 * returned. An empty stack when it fails (CONFIG). */
bool state_load_rule(struct state *state, const struct rule *rule, struct error *error);

/* stage_call in it is NULL while a rule file is loaded. */
static inline struct call *call_of(lua_State *L)
{
    struct call *call;
    memcpy(&call, lua_getextraspace(L), sizeof(void *));
    return call;
}

void call_set(lua_State *L, struct call *call);

#endif
