/* SPDX-License-Identifier: MIT */
#include "command/options.h"

#include "base/arena.h"
#include "base/text.h"
#include "command/command.h"

#include <stdio.h>
#include <string.h>

static bool take_flag(const struct option_flag *flags, const char *argument)
{
    for (; flags->word != NULL; flags++) {
        if (strcmp(flags->word, argument) == 0) {
            *flags->found = true;
            return true;
        }
    }
    return false;
}

static int refuse(const char *command, const char *argument)
{
    struct error error;
    error_set(&error, ERROR_CONFIG, "unknown option %s", argument);
    return options_misused(command, error.text);
}

enum options_next options_read(int *argc, char **argv, const struct option_flag *flags,
                               const char *help)
{
    int operands = 1;
    bool ended = false;
    for (int i = 1; i < *argc; i++) {
        const char *argument = argv[i];
        bool operand = ended || argument[0] != '-' || argument[1] == '\0';
        if (operand) {
            argv[operands++] = argv[i];
        } else if (strcmp(argument, "--") == 0) {
            ended = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            fputs(help, stdout);
            return OPTIONS_HELP;
        } else if (!take_flag(flags, argument)) {
            refuse(argv[0], argument);
            return OPTIONS_USAGE;
        }
    }
    *argc = operands;
    return OPTIONS_GO_ON;
}

bool options_flush(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int options_fail(const char *command, const struct error *error)
{
    struct arena *arena = arena_new();
    fprintf(stderr, "foregate %s: %s\n", command,
            text_printable(arena, error->text, sizeof error->text));
    arena_free(&arena);
    return STATUS_FAILED;
}

int options_misused(const char *command, const char *problem)
{
    struct error error;
    error_set(&error, ERROR_CONFIG, "%s", problem);
    options_fail(command, &error);
    fprintf(stderr, "Try `foregate %s --help`.\n", command);
    return STATUS_FAILED;
}
