/* SPDX-License-Identifier: MIT */
/* Options, configuration, subcommand. */
#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "base/text.h"
#include "command/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char default_path[] = "/etc/foregate/foregate.conf";

static const char help[] =
    "Usage: foregate [-c FILE] [-o name=value]... COMMAND [ARGUMENT]...\n"
    "\n"
    "A front gateway for mail servers: judges mail at the SMTP envelope, by rules.\n"
    "\n"
    "  run       the gateway, in the foreground; SIGTERM stops it, SIGUSR1 reloads\n"
    "  reload    makes a running gateway load rules, configuration and directory again\n"
    "  check     what is wrong with configuration, rules and directory\n"
    "  resolve   where mail for an address goes\n"
    "  explain   one SMTP transaction, dry: what each rule decides, and why\n"
    "  auth      what a Dovecot auth script says of users\n"
    "  compare   recorded mail through two sets of rules: what would be different\n"
    "  test      tests of rules, with accounts, services and a clock of their own\n"
    "  config    the options, their values, and where each comes from\n"
    "\n"
    "  -c FILE        configuration; otherwise /etc/foregate/foregate.conf if it exists\n"
    "  -o name=value  one option; wins over environment and file\n"
    "  --help         this text; after a command: its own\n"
    "  --version\n"
    "\n"
    "Exit status: 0 fine, 1 a finding or a refusal, 2 it could not do its work.\n";

struct subcommand {
    const char *name;
    int (*run)(struct config *config, int argc, char **argv);
    bool waits_for_signals; /* takes signals itself, on threads of its own */
    bool shows_faults;      /* reports a malformed configuration as its result */
};

static const struct subcommand subcommands[] = {
    {"run", command_run, true, false},          {"reload", command_reload, false, true},
    {"check", command_check, false, true},      {"resolve", command_resolve, false, false},
    {"explain", command_explain, false, false}, {"test", command_test, true, false},
    {"compare", command_compare, false, false}, {"auth", command_auth, false, false},
    {"config", command_config, false, false},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++) {
        if (strcmp(subcommands[i].name, name) == 0) {
            return &subcommands[i];
        }
    }
    return NULL;
}

static int fail(const struct error *error)
{
    struct arena *arena = arena_new();
    fprintf(stderr, "foregate: %s\n",
            text_printable(arena, error->text, sizeof error->text));
    arena_free(&arena);
    return STATUS_FAILED;
}

static int misused(const char *problem, const char *argument)
{
    struct error error;
    error_set(&error, ERROR_CONFIG, "%s%s", problem, argument);
    fail(&error);
    fputs("Try `foregate --help`.\n", stderr);
    return STATUS_FAILED;
}

static int run_subcommand(const struct subcommand *subcommand, struct config *config,
                          const char *path, int argc, char **argv)
{
    struct error error;
    if (path == NULL && access(default_path, F_OK) == 0) {
        path = default_path;
    }
    /* SYSTEM: a source cannot be read; CONFIG: malformed, config_faults tells more. */
    bool loaded = config_load(config, path, &error);
    if (!loaded && !(subcommand->shows_faults && error.kind == ERROR_CONFIG)) {
        return fail(&error);
    }
    return subcommand->run(config, argc, argv);
}

/* Value of a short option: `-cFILE` or `-c FILE`; moves *place to the last one used. */
static const char *option_value(int argc, char **argv, int *place)
{
    const char *argument = argv[*place];
    if (argument[2] != '\0') {
        return argument + 2;
    }
    return *place + 1 < argc ? argv[++*place] : NULL;
}

/* Index of the command in argv, argc when there is none; 0: all is said, *status set. */
static int read_options(struct config *config, int argc, char **argv, const char **path,
                        int *status)
{
    struct error error;
    int place = 1;
    for (; place < argc && argv[place][0] == '-' && argv[place][1] != '\0'; place++) {
        const char *argument = argv[place];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            *status = fputs(help, stdout) >= 0 ? STATUS_OK : STATUS_FAILED;
            return 0;
        }
        if (strcmp(argument, "--version") == 0) {
            *status = puts("foregate " FOREGATE_VERSION) >= 0 ? STATUS_OK : STATUS_FAILED;
            return 0;
        }
        if (argument[1] != 'c' && argument[1] != 'o') {
            *status = misused("unknown option ", argument);
            return 0;
        }
        const char *value = option_value(argc, argv, &place);
        if (value == NULL) {
            *status = misused("a value is missing behind ", argument);
            return 0;
        }
        if (argument[1] == 'c') {
            *path = value;
        } else if (!config_override(config, value, &error)) {
            *status = fail(&error);
            return 0;
        }
    }
    return place;
}

int main(int argc, char **argv)
{
    /* Before any thread exists: only the thread that waits for signals may get them. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    /* A crash is a crash: blocked, it would end the process without a word. */
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_BLOCK, &all, &before);

    const char *path = NULL;
    int status = STATUS_OK;
    struct config *config = config_new();
    int place = read_options(config, argc, argv, &path, &status);
    if (place > 0 && place >= argc) {
        status = misused("no command given", "");
    } else if (place > 0) {
        const struct subcommand *subcommand = find_subcommand(argv[place]);
        if (subcommand != NULL && !subcommand->waits_for_signals) {
            pthread_sigmask(SIG_SETMASK, &before, NULL);
        }
        status = subcommand == NULL
                     ? misused("unknown command ", argv[place])
                     : run_subcommand(subcommand, config, path, argc - place, argv + place);
    }
    config_free(&config);
    return status;
}
