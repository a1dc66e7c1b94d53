/* SPDX-License-Identifier: MIT */
#include "authscript/auth_script.h"

#include "authscript/api.h"
#include "authscript/call.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_BYTES = 16 << 20 };

static void must(bool done)
{
    if (!done) {
        abort();
    }
}

static bool read_source(struct auth_script *script, struct error *error)
{
    FILE *file = fopen(script->file, "re");
    if (file == NULL) {
        return error_set(error, ERROR_CONFIG, "lua.script: %s: %m", script->file);
    }
    script->source = malloc(SOURCE_BYTES + 1);
    must(script->source != NULL);
    script->source_length = fread(script->source, 1, SOURCE_BYTES + 1, file);
    bool ok = ferror(file) == 0;
    fclose(file);
    if (!ok || script->source_length > SOURCE_BYTES) {
        return error_set(error, ERROR_CONFIG, "lua.script: %s: %s", script->file,
                         ok ? "is longer than 16 MiB" : "cannot be read");
    }
    char *fitting = realloc(script->source, script->source_length + 1);
    must(fitting != NULL);
    script->source = fitting;
    script->source[script->source_length] = '\0';
    return true;
}

/* What Dovecot 2.4 hands to script_init: a table of lua_settings. 2.3 hands nothing, and
 * its scripts do not look. */
static void push_arguments(lua_State *L, const char *text)
{
    const char *word;
    size_t length;
    lua_newtable(L);
    while (text != NULL && text_next_word(&text, &word, &length)) {
        const char *equals = memchr(word, '=', length);
        size_t name_length = equals != NULL ? (size_t)(equals - word) : length;
        lua_pushlstring(L, word, name_length);
        lua_pushlstring(L, equals != NULL ? equals + 1 : "",
                        equals != NULL ? length - name_length - 1 : 0);
        lua_rawset(L, -3);
    }
}

/* 2.3 wants the number 0, 2.4 does not look: a number other than 0 says that it failed. */
static bool init_script(struct auth_call *call, struct error *error)
{
    if (!auth_call_push(call, "script_init")) {
        return true;
    }
    push_arguments(call->thread, call->script->arguments);
    if (!auth_call_run(call, 1, 1, error)) {
        return false;
    }
    lua_Number result = lua_isnumber(call->thread, -1) ? lua_tonumber(call->thread, -1) : 0;
    return result == 0 || error_set(error, ERROR_CONFIG, "%s: script_init returned %g",
                                    call->script->file, result);
}

static bool has(struct auth_call *call, const char *name)
{
    bool found = auth_call_push(call, name);
    lua_settop(call->thread, 0);
    return found;
}

static bool load(struct auth_call *call, struct error *error)
{
    struct auth_script *script = call->script;
    struct arena *arena = call->call.scratch;
    const char *chunk = arena_format(arena, "@%s", script->file);
    if (luaL_loadbufferx(call->thread, script->source, script->source_length, chunk, "t") !=
        LUA_OK) {
        return error_set(error, ERROR_CONFIG, "%s", lua_tostring(call->thread, -1));
    }
    if (!auth_call_run(call, 0, 0, error) || !init_script(call, error)) {
        error->kind = ERROR_CONFIG;
        return false;
    }
    return true;
}

bool auth_call_load(struct auth_script *script, struct state *state, struct error *error)
{
    auth_libraries_open(state->L);
    auth_dovecot_open(state->L);
    struct arena *arena = arena_new();
    struct auth_call call;
    auth_call_open(&call, script, state, arena);
    bool ok = load(&call, error);
    auth_call_close(&call);
    arena_free(&arena);
    return ok;
}

static bool find_functions(struct auth_script *script, struct error *error)
{
    struct arena *arena = arena_new();
    struct auth_call call;
    auth_call_open(&call, script, script->states[0], arena);
    script->has_passdb = has(&call, "auth_passdb_lookup");
    script->has_verify = has(&call, "auth_password_verify");
    script->has_userdb = has(&call, "auth_userdb_lookup");
    auth_call_close(&call);
    arena_free(&arena);
    return script->has_passdb || script->has_verify || script->has_userdb ||
           error_set(error, ERROR_CONFIG,
                     "%s: defines none of the functions auth_passdb_lookup, "
                     "auth_password_verify and auth_userdb_lookup",
                     script->file);
}

static bool add_state(struct auth_script *script, size_t memory, struct error *error)
{
    struct state *state = state_new_standard(memory);
    if (!auth_call_load(script, state, error)) {
        state_free(&state); /* without script_deinit, as Dovecot */
        return false;
    }
    script->states[script->state_count++] = state;
    return true;
}

struct auth_script *auth_script_new(const struct auth_script_settings *settings,
                                    struct error *error)
{
    struct auth_script *script = calloc(1, sizeof *script);
    must(script != NULL);
    script->file = strdup(settings->file);
    script->arguments = strdup(settings->arguments != NULL ? settings->arguments : "");
    script->scheme = strdup(settings->scheme);
    script->states = calloc((size_t)settings->states, sizeof(struct state *));
    must(script->file != NULL && script->arguments != NULL && script->scheme != NULL &&
         script->states != NULL);
    script->instructions = settings->instructions;
    script->timeout_ms = settings->timeout_ms;
    script->needs_ids = settings->needs_ids;
    script->services = (struct services){.loop = settings->loop, .http = settings->http};
    bool ok = read_source(script, error);
    for (int i = 0; ok && i < settings->states; i++) {
        ok = add_state(script, settings->memory, error);
    }
    ok = ok && find_functions(script, error);
    if (!ok) {
        auth_script_free(&script);
    }
    return script;
}

static void end_state(struct auth_script *script, struct state *state)
{
    struct error error;
    struct arena *arena = arena_new();
    struct auth_call call;
    auth_call_open(&call, script, state, arena);
    if (auth_call_push(&call, "script_deinit") && !auth_call_run(&call, 0, 0, &error)) {
        log_message(LOG_WARNING, "auth_script", "script_deinit failed: %s", error.text);
    }
    auth_call_close(&call);
    arena_free(&arena);
}

void auth_script_free(struct auth_script **script)
{
    struct auth_script *old = *script;
    for (int i = 0; i < old->state_count; i++) {
        end_state(old, old->states[i]);
        state_free(&old->states[i]);
    }
    free(old->states);
    free(old->source);
    free(old->file);
    free(old->arguments);
    free(old->scheme);
    free(old);
    *script = NULL;
}

bool auth_script_has_passdb(const struct auth_script *script)
{
    return script->has_passdb || script->has_verify;
}

bool auth_script_has_userdb(const struct auth_script *script)
{
    return script->has_userdb;
}
