/* SPDX-License-Identifier: MIT */
/* The auth script that lua.script names, with the loop and the HTTP client that it waits
 * on, for commands. */
#ifndef FOREGATE_COMMAND_AUTH_SOURCE_H
#define FOREGATE_COMMAND_AUTH_SOURCE_H

#include "authscript/auth_script.h"
#include "base/config.h"

struct auth_source {
    struct loop *loop;
    struct http_client *http;
    struct auth_script *script;
};

/* One state. False: CONFIG or SYSTEM, and nothing is left. */
bool auth_source_start(struct auth_source *source, const struct config *config,
                       struct error *error);
void auth_source_stop(struct auth_source *source);

#endif
