/* SPDX-License-Identifier: MIT */
/* What the arguments of the smaller commands have in common. Not getopt_long: its
 * `struct option` is another one than ours. */
#ifndef FOREGATE_COMMAND_OPTIONS_H
#define FOREGATE_COMMAND_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

enum options_next {
    OPTIONS_GO_ON, /* argv[1..*argc) are the operands now */
    OPTIONS_HELP,  /* help was printed: STATUS_OK */
    OPTIONS_USAGE, /* bad usage, said on stderr: STATUS_FAILED */
};

struct option_flag {
    const char *word; /* "--json" */
    bool *found;
};

/* Takes --help and the flags (ended by one without a word) out of argv, wherever they
 * stand;
 * `--` ends options, `-` is an operand. */
enum options_next options_read(int *argc, char **argv, const struct option_flag *flags,
                               const char *help);

/* False: not all that was printed is out, now or before. */
bool options_flush(void);

/* One line "foregate COMMAND: ..." on stderr; returns STATUS_FAILED. */
int options_fail(const char *command, const struct error *error);

/* The same for arguments that make no sense, with a pointer to --help. */
int options_misused(const char *command, const char *problem);

#endif
