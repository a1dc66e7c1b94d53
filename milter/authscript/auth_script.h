/* SPDX-License-Identifier: MIT */
/* Dovecot's Lua auth scripts, unmodified: the file that `passdb/userdb { driver = lua }` of
 * Dovecot 2.3 or 2.4 names, in N Lua states of its own. A look-up runs on the calling
 * thread and waits there, with no state locked, for the HTTP requests and password hashes
 * of the script; many may be under way at once. */
#ifndef FOREGATE_AUTHSCRIPT_AUTH_SCRIPT_H
#define FOREGATE_AUTHSCRIPT_AUTH_SCRIPT_H

#include "authscript/request.h"
#include "base/arena.h"
#include "base/error.h"
#include "io/http.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_script;

/* Borrowed until auth_script_new returns, but loop and http: as long as the script. */
struct auth_script_settings {
    const char *file;
    const char *arguments; /* name=value words for script_init, or NULL */
    const char *scheme;    /* of passwords that name none */
    int states;
    size_t memory;        /* bytes of one state, at most */
    int64_t instructions; /* of one call */
    int timeout_ms;       /* of one call, all that it waits for included */
    bool needs_ids;       /* uid and gid that are no number of this host are a failure, as
                             for Dovecot; else they stay as they are: it may be another host */
    struct loop *loop;
    struct http_client *http;
};

/* Runs the file and its script_init in every state. NULL: CONFIG, with file and line. */
struct auth_script *auth_script_new(const struct auth_script_settings *settings,
                                    struct error *error);

/* Runs script_deinit in every state. With no look-up under way. */
void auth_script_free(struct auth_script **script);

enum auth_answer {
    AUTH_FOUND,     /* and, where a password was given, it is right */
    AUTH_NOT_FOUND, /* there is no such user */
    AUTH_REFUSED,   /* wrong password, disabled, expired */
    AUTH_FAILED,    /* cannot tell */
};

const char *auth_answer_name(enum auth_answer answer);

struct auth_field {
    const char *name;
    const char *value;
};

/* Lives in the arena of the call. */
struct auth_reply {
    enum auth_answer answer;
    const char *user; /* as the script renamed it, else the request's */
    const struct auth_field *fields;
    size_t count;
    const char *code;   /* why not FOUND, in a word: mismatch, disabled, limit... or NULL */
    const char *reason; /* for people, without passwords, or NULL */
};

/* With a password in the request it is verified, by auth_password_verify where the script
 * has that; without one only auth_passdb_lookup is asked. Any thread but the loop's. */
void auth_script_passdb(struct auth_script *script, const struct auth_request *request,
                        struct arena *arena, struct auth_reply *reply);

/* auth_userdb_lookup. The same. */
void auth_script_userdb(struct auth_script *script, const struct auth_request *request,
                        struct arena *arena, struct auth_reply *reply);

/* auth_userdb_iterate: all users. False: RULE. */
bool auth_script_users(struct auth_script *script, struct arena *arena, const char ***users,
                       size_t *count, struct error *error);

/* hide.c. The text without the password (or NULL) where that is in it; else itself. */
const char *auth_text_hide(const char *text, const char *password, struct arena *arena);

bool auth_script_has_passdb(const struct auth_script *script);
bool auth_script_has_userdb(const struct auth_script *script);

#endif
