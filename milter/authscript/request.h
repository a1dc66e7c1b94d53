/* SPDX-License-Identifier: MIT */
/* What a Dovecot auth script is asked about: a plain record, and the names by which scripts
 * of Dovecot 2.3 and 2.4 read it. */
#ifndef FOREGATE_AUTHSCRIPT_REQUEST_H
#define FOREGATE_AUTHSCRIPT_REQUEST_H

#include "base/arena.h"

#include <stdbool.h>

/* Strings are borrowed, NULL: not known. */
struct auth_request {
    const char *user;          /* normalised: lower case */
    const char *original_user; /* as it was given */
    const char *password;
    const char *service; /* smtp, doveadm... */
    const char *local_ip, *remote_ip;
    const char *local_port, *remote_port;
    const char *mechanism;
    const char *session;
    const char *master_user;
    const char *login_user;
    const char *local_name;
    const char *client_id;
    bool secured;
    int timeout_ms; /* of this call, if that is less than the script's; 0: the script's */
};

/* Everything but the user is unknown. Strings live in the arena. */
struct auth_request auth_request_new(struct arena *arena, const char *user);

/* Dovecot's auth_username_chars by default; of others it says that there is no such user.
 */
bool auth_request_is_name(const char *user);

/* The value of a script's name for something: username, rip, remote_ip... NULL: not known;
 * *exists: whether there is such a name. */
const char *auth_request_field(struct arena *arena, const struct auth_request *request,
                               const char *name, bool *exists);

#endif
