/* SPDX-License-Identifier: MIT */
#include "authscript/auth_script.h"

#include "authscript/api.h"
#include "authscript/call.h"
#include "authscript/password.h"
#include "authscript/reply.h"
#include "base/clock.h"
#include "base/log.h"

#include <grp.h>
#include <lauxlib.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

const char *auth_answer_name(enum auth_answer answer)
{
    switch (answer) {
    case AUTH_FOUND:
        return "found";
    case AUTH_NOT_FOUND:
        return "not_found";
    case AUTH_REFUSED:
        return "refused";
    case AUTH_FAILED:
        return "failed";
    }
    return "invalid";
}

/* Calls the function with request and, for auth_password_verify, password. */
static void ask(struct auth_script *script, const struct auth_request *request,
                const char *name, struct field_list *fields, struct auth_reply *reply)
{
    struct error error;
    struct auth_call call;
    if (!auth_call_begin(&call, script, request->timeout_ms, fields->arena, &error)) {
        reply_fail(fields->arena, reply, "limit", "%s", error.text);
        return;
    }
    call.request = request;
    call.is_userdb = strcmp(name, "auth_userdb_lookup") == 0;
    bool takes_password = strcmp(name, "auth_password_verify") == 0;
    if (!auth_call_push(&call, name)) {
        reply_fail(fields->arena, reply, "script", "%s: there is no function %s",
                   script->file, name);
    } else {
        auth_request_push(call.thread, &call);
        if (takes_password) {
            lua_pushstring(call.thread, request->password);
        }
        if (auth_call_run(&call, takes_password ? 2 : 1, 2, &error)) {
            reply_take(&call, name, fields, reply);
        } else {
            reply_fail(fields->arena, reply,
                       call.call.limit != LIMIT_NONE ? "limit" : "script", "%s",
                       error.text);
        }
    }
    auth_call_end(&call);
}

/* The end of a look-up: fields into the reply, a failure into the log. */
static void finish(const struct auth_script *script, const struct auth_request *request,
                   const struct field_list *fields, struct auth_reply *reply)
{
    reply->user = fields->user != NULL ? fields->user : request->user;
    if (reply->answer == AUTH_FOUND) {
        reply->fields = fields->entries;
        reply->count = fields->count;
    }
    if (reply->answer == AUTH_FAILED) {
        struct log_line line;
        log_begin(&line, LOG_ERROR, "auth_script_failed");
        log_text(&line, "file", script->file);
        log_text(&line, "user", request->user);
        log_text(&line, "code", reply->code);
        log_text(&line, "reason", reply->reason);
        log_end(&line);
    }
}

static bool begin(const struct auth_request *request, struct arena *arena,
                  struct field_list *fields, struct auth_reply *reply)
{
    *fields = (struct field_list){.arena = arena};
    *reply = (struct auth_reply){.answer = AUTH_NOT_FOUND, .user = request->user};
    if (!auth_request_is_name(request->user)) {
        reply->code = "name";
        reply->reason =
            "the name holds a character that Dovecot's auth_username_chars lack";
        return false;
    }
    return true;
}

static void refuse(struct auth_reply *reply, bool has_password, const char *code,
                   const char *reason)
{
    reply->answer = has_password ? AUTH_REFUSED : AUTH_FAILED;
    reply->code = code;
    reply->reason = reason;
}

/* What auth_passdb_lookup's OK is worth (Dovecot's passdb-lua.c and auth-request.c). Hashes
 * are made here, with no state locked. */
static void judge(const struct auth_script *script, const struct auth_request *request,
                  const struct field_list *fields, int64_t deadline_ms,
                  struct auth_reply *reply)
{
    struct error error;
    const char *stored = fields->password;
    bool has_password = request->password != NULL;
    if (reply_field(fields, "nopassword") != NULL) {
        if (stored != NULL && *stored != '\0') {
            refuse(reply, has_password, "return",
                   "the field nopassword is there, and a password as well");
        }
        return;
    }
    if (stored == NULL) {
        refuse(reply, has_password, "return",
               "OK with neither of the fields password and nopassword");
        return;
    }
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    enum password_answer answer =
        has_password ? password_verify(stored, script->scheme, request->password,
                                       left_ms > 0 ? (int)left_ms : 0, &error)
                     : password_check(stored, script->scheme, &error);
    if (answer == PASSWORD_LIMIT) {
        reply_fail(fields->arena, reply, "limit", "%s", error.text);
    } else if (answer != PASSWORD_MATCH) {
        refuse(reply, has_password, answer == PASSWORD_MISMATCH ? "mismatch" : "scheme",
               arena_copy(fields->arena, error.text));
    }
}

void auth_script_passdb(struct auth_script *script, const struct auth_request *request,
                        struct arena *arena, struct auth_reply *reply)
{
    struct field_list fields;
    int64_t deadline_ms = clock_monotonic_ms() + script->timeout_ms;
    if (!begin(request, arena, &fields, reply)) {
        return;
    }
    if (request->password != NULL && script->has_verify) {
        ask(script, request, "auth_password_verify", &fields, reply);
    } else {
        ask(script, request, "auth_passdb_lookup", &fields, reply);
        if (reply->answer == AUTH_FOUND) {
            judge(script, request, &fields, deadline_ms, reply);
        }
    }
    if (reply->answer == AUTH_FAILED && request->password != NULL && reply->code != NULL &&
        strcmp(reply->code, "scheme") == 0) {
        reply->answer = AUTH_REFUSED; /* as Dovecot tells the client */
    }
    if (reply->answer == AUTH_FOUND && reply_field(&fields, "fail") != NULL) {
        refuse(reply, true, "fail", "the field fail is there");
    }
    finish(script, request, &fields, reply);
}

static bool is_id(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text) &&
           strlen(text) < 11 && strtoll(text, NULL, 10) < UINT32_MAX;
}

/* A number, or the name of a user or group of the host. */
static bool settle_id(struct field_list *fields, const char *name, struct auth_reply *reply)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct auth_field *field = &fields->entries[i];
        if (strcmp(field->name, name) != 0 || is_id(field->value)) {
            continue;
        }
        char bytes[16384];
        struct passwd user;
        struct passwd *found_user = NULL;
        struct group group;
        struct group *found_group = NULL;
        if (*name == 'u') {
            getpwnam_r(field->value, &user, bytes, sizeof bytes, &found_user);
        } else {
            getgrnam_r(field->value, &group, bytes, sizeof bytes, &found_group);
        }
        if (found_user == NULL && found_group == NULL) {
            reply_fail(fields->arena, reply, "return",
                       "the field %s is neither a number nor a name of this host: write "
                       "its number",
                       name);
            return false;
        }
        field->value =
            arena_format(fields->arena, "%u",
                         found_user != NULL ? found_user->pw_uid : found_group->gr_gid);
    }
    return true;
}

void auth_script_userdb(struct auth_script *script, const struct auth_request *request,
                        struct arena *arena, struct auth_reply *reply)
{
    struct field_list fields;
    if (!begin(request, arena, &fields, reply)) {
        return;
    }
    ask(script, request, "auth_userdb_lookup", &fields, reply);
    if (reply->answer == AUTH_FOUND && reply_field(&fields, "tempfail") != NULL) {
        const char *reason = reply_field(&fields, "reason");
        reply_fail(arena, reply, "tempfail", "%s",
                   reason != NULL ? reason : "the field tempfail is there");
    }
    if (reply->answer == AUTH_FOUND && script->needs_ids &&
        settle_id(&fields, "uid", reply)) {
        settle_id(&fields, "gid", reply);
    }
    finish(script, request, &fields, reply);
}

/* A name may be in the list many times, and costs the state nothing. */
enum { USERS_BYTES = 256 << 20 };

static bool take_users(struct auth_call *call, struct arena *arena, const char ***users,
                       size_t *count, struct error *error)
{
    lua_State *L = call->thread;
    size_t size = 0;
    size_t before = arena_used(arena);
    *users = NULL;
    *count = 0;
    if (!lua_istable(L, -1)) {
        return error_set(error, ERROR_RULE,
                         "%s: auth_userdb_iterate returned a %s: return a list of names",
                         call->script->file, luaL_typename(L, -1));
    }
    lua_Integer length = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= length; i++) {
        if (lua_rawgeti(L, -1, i) != LUA_TSTRING) {
            return error_set(error, ERROR_RULE,
                             "%s: entry %lld of auth_userdb_iterate's list is a %s",
                             call->script->file, (long long)i, luaL_typename(L, -1));
        }
        if (arena_used(arena) - before > USERS_BYTES) {
            return error_set(error, ERROR_RULE,
                             "%s: auth_userdb_iterate's list is longer than %d bytes",
                             call->script->file, USERS_BYTES);
        }
        *users = arena_grow(arena, *users, *count, &size, sizeof **users);
        (*users)[(*count)++] = arena_copy(arena, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return true;
}

bool auth_script_users(struct auth_script *script, struct arena *arena, const char ***users,
                       size_t *count, struct error *error)
{
    struct auth_call call;
    if (!auth_call_begin(&call, script, 0, arena, error)) {
        return false;
    }
    call.is_userdb = true;
    bool ok = auth_call_push(&call, "auth_userdb_iterate");
    if (!ok) {
        error_set(error, ERROR_RULE, "%s: there is no function auth_userdb_iterate",
                  script->file);
    }
    ok = ok && auth_call_run(&call, 0, 1, error) &&
         take_users(&call, arena, users, count, error);
    auth_call_end(&call);
    return ok;
}
