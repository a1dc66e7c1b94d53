/* SPDX-License-Identifier: MIT */
/* `foregate test`: rules, tried without a server. */
#include "base/text.h"
#include "command/command.h"
#include "command/options.h"
#include "ruletest/files.h"
#include "ruletest/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: foregate test [--coverage] [PATH...]\n"
    "\n"
    "Runs tests of rules and prints the results as TAP. PATH is a file, or a folder in "
    "which\n"
    "all files *_test.lua are looked for; without one, the folders of rules.path. Rules "
    "are\n"
    "looked for there as well, and beside the test file. Accounts, aliases, answers of "
    "services\n"
    "and the clock are the test's own: of the configuration only rules.path and lua.path "
    "count,\n"
    "and nobody is asked.\n"
    "\n"
    "  --coverage   also print which lines of rule files never ran\n"
    "\n"
    "Exit status: 0 all passed, 1 one failed, 2 there are none, or a file is broken.\n";

/* Those folders of rules.path that exist and have tests. */
static void add_default(struct test_files *files, const char *folders)
{
    const char *folder;
    size_t length;
    while (text_next_word(&folders, &folder, &length)) {
        struct error ignored;
        test_files_add(files, arena_copy_bytes(files->arena, folder, length), &ignored);
    }
}

static int test(const struct suite_settings *settings, struct test_files *files, int argc,
                char **argv)
{
    struct error error = {0};
    for (int i = 1; i < argc; i++) {
        if (!test_files_add(files, argv[i], &error)) {
            return options_fail(argv[0], &error);
        }
    }
    if (argc == 1) {
        add_default(files, settings->rules_path);
        if (files->count == 0) {
            error_set(&error, ERROR_CONFIG,
                      "there is no file *_test.lua in rules.path (%s): name one",
                      settings->rules_path);
            return options_fail(argv[0], &error);
        }
    }
    struct suite_result result;
    if (!suite_run(settings, files->paths, files->count, &result, &error)) {
        options_fail(argv[0], &error);
        return STATUS_FAILED;
    }
    if (!options_flush() || result.broken > 0) {
        return STATUS_FAILED;
    }
    return result.failures > 0 ? STATUS_FINDING : STATUS_OK;
}

int command_test(struct config *config, int argc, char **argv)
{
    bool coverage = false;
    const struct option_flag flags[] = {{"--coverage", &coverage}, {NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_GO_ON:
        break;
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    }
    const char *rules = config_text(config, "rules.path");
    const char *library = config_text(config, "lua.path");
    const struct suite_settings settings = {
        .rules_path = rules != NULL ? rules : "",
        .lua_path = library != NULL ? library : "",
        .coverage = coverage,
    };
    struct test_files files = {.arena = arena_new()};
    int status = test(&settings, &files, argc, argv);
    arena_free(&files.arena);
    return status;
}
