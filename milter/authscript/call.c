/* SPDX-License-Identifier: MIT */
#include "authscript/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "script/await.h"
#include "script/limits.h"

#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

/* One that is to begin anew only when nobody is in it: it gets empty sooner. */
static bool is_better(const struct state *left, const struct state *right)
{
    int left_users = atomic_load(&left->users);
    int right_users = atomic_load(&right->users);
    bool left_waits = left_users > 0 && atomic_load(&left->spent);
    bool right_waits = right_users > 0 && atomic_load(&right->spent);
    return left_waits != right_waits ? right_waits : left_users < right_users;
}

static struct state *least_used(struct auth_script *script)
{
    struct state *best = script->states[0];
    for (int i = 1; i < script->state_count; i++) {
        if (is_better(script->states[i], best)) {
            best = script->states[i];
        }
    }
    return best;
}

static void open_call(struct auth_call *call, struct auth_script *script,
                      struct state *state, struct arena *arena, int64_t deadline_ms)
{
    *call = (struct auth_call){
        .call =
            {
                .services = &script->services,
                .state = state,
                .id = state->next_call_id++,
                .scratch = arena,
                .instructions_left = script->instructions,
                .deadline_ms = deadline_ms,
            },
        .scratch_before = arena_used(arena),
        .script = script,
        .thread = lua_newthread(state->L),
    };
    call->anchor = luaL_ref(state->L, LUA_REGISTRYINDEX);
    limit_begin(&call->call, call->thread);
}

void auth_call_open(struct auth_call *call, struct auth_script *script, struct state *state,
                    struct arena *arena)
{
    open_call(call, script, state, arena, clock_monotonic_ms() + script->timeout_ms);
    call->call.keeps_lock = true;
}

/* Variables that are to be closed run here, with the call's limits still. */
static int reset(lua_State *L)
{
    lua_resetthread(lua_touserdata(L, 1));
    return 0;
}

void auth_call_close(struct auth_call *call)
{
    struct state *state = call->call.state;
    lua_pushcfunction(state->L, reset);
    lua_pushlightuserdata(state->L, call->thread);
    state->running = &call->call;
    int status = lua_pcall(state->L, 1, 0, 0);
    state->running = NULL;
    if (status != LUA_OK) {
        lua_pop(state->L, 1);
    }
    luaL_unref(state->L, LUA_REGISTRYINDEX, call->anchor);
    if (call->call.limit != LIMIT_NONE || call->call.memory_failures > 0) {
        lua_gc(state->L, LUA_GCCOLLECT);
        atomic_store(&state->spent, state->memory_bytes > state->memory_limit / 4 * 3);
    }
}

void auth_call_room(lua_State *L, struct auth_call *call)
{
    if (arena_used(call->call.scratch) - call->scratch_before > AUTH_CALL_BYTES) {
        limit_size(L, "one call takes at most %d bytes of texts and answers",
                   AUTH_CALL_BYTES);
    }
}

static void renew(struct auth_script *script, struct state *state)
{
    struct error error;
    log_message(LOG_WARNING, "auth_script_spent",
                "%s: its globals keep all memory of a state: it begins anew", script->file);
    state_renew_standard(state);
    if (!auth_call_load(script, state, &error)) {
        log_message(LOG_ERROR, "auth_script_spent", "%s", error.text);
        atomic_store(&state->spent, true); /* the next call tries again */
    }
}

/* Whoever is in the state gives it back when Lua waits or is over a limit; but a function
 * of the host, os.execute say, may stay for longer. */
static bool lock(struct state *state, int wait_ms)
{
    if (pthread_mutex_trylock(&state->lock) == 0) {
        return true;
    }
    /* gcc's thread sanitizer does not know pthread_mutex_clocklock. */
    const struct timespec until = clock_after_ms(CLOCK_REALTIME, wait_ms);
    return pthread_mutex_timedlock(&state->lock, &until) == 0;
}

bool auth_call_begin(struct auth_call *call, struct auth_script *script, int timeout_ms,
                     struct arena *arena, struct error *error)
{
    bool is_shorter = timeout_ms > 0 && timeout_ms < script->timeout_ms;
    timeout_ms = is_shorter ? timeout_ms : script->timeout_ms;
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    struct state *state = least_used(script);
    atomic_fetch_add(&state->users, 1);
    if (!lock(state, timeout_ms)) {
        atomic_fetch_sub(&state->users, 1);
        return error_set(error, ERROR_RULE,
                         "%s: no Lua state was free within %d ms: other calls keep them "
                         "busy",
                         script->file, timeout_ms);
    }
    if (atomic_load(&state->spent) && atomic_load(&state->users) == 1) {
        renew(script, state);
    }
    open_call(call, script, state, arena, deadline_ms);
    return true;
}

void auth_call_end(struct auth_call *call)
{
    struct state *state = call->call.state;
    auth_call_close(call);
    pthread_mutex_unlock(&state->lock);
    atomic_fetch_sub(&state->users, 1);
}

bool auth_call_push(struct auth_call *call, const char *name)
{
    lua_State *thread = call->thread;
    lua_pushglobaltable(thread);
    lua_pushstring(thread, name);
    lua_rawget(thread, -2); /* raw: undeclared globals may be an error */
    lua_remove(thread, -2);
    if (!lua_isfunction(thread, -1)) {
        lua_pop(thread, 1);
        return false;
    }
    return true;
}

const char *auth_call_hide(const struct auth_call *call, const char *text)
{
    const char *password = call->request != NULL ? call->request->password : NULL;
    return auth_text_hide(text, password, call->call.scratch);
}

bool auth_call_run(struct auth_call *call, int arguments, int results, struct error *error)
{
    int count = 0;
    int status = await_run(&call->call, call->thread, arguments, &count);
    if (status == LUA_OK && call->call.limit == LIMIT_NONE) {
        /* What the stack holds already may be all that it can. */
        if (count < results && !lua_checkstack(call->thread, results - count)) {
            return error_set(error, ERROR_RULE, "%s: stack overflow", call->script->file);
        }
        lua_settop(call->thread, lua_gettop(call->thread) + results - count);
        return true;
    }
    const char *message = status != LUA_OK && lua_type(call->thread, -1) == LUA_TSTRING
                              ? lua_tostring(call->thread, -1)
                              : "an error that is no text";
    limit_settle(&call->call, call->thread, status);
    if (call->call.limit == LIMIT_NONE) {
        return error_set(error, ERROR_RULE, "%s", auth_call_hide(call, message));
    }
    /* What a pcall of the script made of it does not matter. */
    return error_set(error, ERROR_RULE, "%s: over the limit of %s",
                     call->call.place[0] != '\0' ? call->call.place : call->script->file,
                     limit_name(call->call.limit));
}
