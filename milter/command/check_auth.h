/* SPDX-License-Identifier: MIT */
/* The part of `foregate check` that loads the Dovecot auth script of lua.script. */
#ifndef FOREGATE_COMMAND_CHECK_AUTH_H
#define FOREGATE_COMMAND_CHECK_AUTH_H

#include "base/config.h"
#include "directory/finding.h"

/* Runs the script and its script_init, and reads it. Nothing when there is none. */
void check_auth(const struct config *config, struct finding_list *findings);

#endif
