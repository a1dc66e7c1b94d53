/* SPDX-License-Identifier: MIT */
/* The subcommands. Each gets the loaded, not yet checked configuration and its own
 * arguments (argv[0] is its name), and returns the exit status of the program. */
#ifndef FOREGATE_COMMAND_COMMAND_H
#define FOREGATE_COMMAND_COMMAND_H

#include "base/config.h"

enum {
    STATUS_OK = 0,
    STATUS_FINDING = 1, /* a finding, or a refusal of mail */
    STATUS_FAILED = 2,  /* bad usage, bad configuration, a backend is away */
};

int command_run(struct config *config, int argc, char **argv);
int command_reload(struct config *config, int argc, char **argv);
int command_check(struct config *config, int argc, char **argv);
int command_resolve(struct config *config, int argc, char **argv);
int command_explain(struct config *config, int argc, char **argv);
int command_auth(struct config *config, int argc, char **argv);
int command_compare(struct config *config, int argc, char **argv);
int command_test(struct config *config, int argc, char **argv);
int command_config(struct config *config, int argc, char **argv);

#endif
