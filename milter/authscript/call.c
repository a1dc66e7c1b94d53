/* SPDX-License-Identifier: MIT */
#include "authscript/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "script/await.h"
#include "script/limits.h"

#include <lauxlib.h>
#include <string.h>

static struct state *least_used(struct auth_script *script)
{
    struct state *best = script->states[0];
    for (int i = 1; i < script->state_count; i++) {
        if (atomic_load(&script->states[i]->users) < atomic_load(&best->users)) {
            best = script->states[i];
        }
    }
    return best;
}

void auth_call_open(struct auth_call *call, struct auth_script *script, struct state *state,
                    struct arena *arena)
{
    *call = (struct auth_call){
        .call =
            {
                .services = &script->services,
                .state = state,
                .id = state->next_call_id++,
                .scratch = arena,
                .instructions_left = script->instructions,
                .deadline_ms = clock_monotonic_ms() + script->timeout_ms,
            },
        .script = script,
        .thread = lua_newthread(state->L),
    };
    call->anchor = luaL_ref(state->L, LUA_REGISTRYINDEX);
    limit_begin(&call->call, call->thread);
}

void auth_call_close(struct auth_call *call)
{
    struct state *state = call->call.state;
    lua_resetthread(call->thread);
    luaL_unref(state->L, LUA_REGISTRYINDEX, call->anchor);
    if (call->call.limit != LIMIT_NONE || call->call.memory_failures > 0) {
        lua_gc(state->L, LUA_GCCOLLECT);
        atomic_store(&state->spent, state->memory_bytes > state->memory_limit / 4 * 3);
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

void auth_call_begin(struct auth_call *call, struct auth_script *script,
                     struct state *state, struct arena *arena)
{
    state = state != NULL ? state : least_used(script);
    atomic_fetch_add(&state->users, 1);
    pthread_mutex_lock(&state->lock);
    if (atomic_load(&state->spent) && atomic_load(&state->users) == 1) {
        renew(script, state);
    }
    auth_call_open(call, script, state, arena);
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

/* A shorter one would be found where it is not meant. */
const char *auth_call_hide(const struct auth_call *call, const char *text)
{
    enum { SHORTEST = 4 };

    const char *password = call->request != NULL ? call->request->password : NULL;
    size_t length = password != NULL ? strlen(password) : 0;
    if (length < SHORTEST) {
        return text;
    }
    struct arena *arena = call->call.scratch;
    const char *place;
    const char *hidden = "";
    while ((place = strstr(text, password)) != NULL) {
        hidden = arena_format(arena, "%s%.*s(password)", hidden, (int)(place - text), text);
        text = place + length;
    }
    return *hidden != '\0' ? arena_format(arena, "%s%s", hidden, text) : text;
}

bool auth_call_run(struct auth_call *call, int arguments, int results, struct error *error)
{
    int count = 0;
    int status = await_run(&call->call, call->thread, arguments, &count);
    if (status == LUA_OK && call->call.limit == LIMIT_NONE) {
        luaL_checkstack(call->thread, results, NULL);
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
