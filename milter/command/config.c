/* SPDX-License-Identifier: MIT */
/* `foregate config`: the table of options prints itself. */
#include "base/config.h"

#include "base/config_value.h"
#include "base/text.h"
#include "command/command.h"
#include "command/json.h"
#include "command/options.h"
#include "script/engine.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: foregate config [--json | --sample] [NAME...]\n"
    "\n"
    "Shows each option: its effective value, where that comes from, and its help; only "
    "the\n"
    "named options when names are given.\n"
    "\n"
    "  --json     one object: {\"options\": [...]}\n"
    "  --sample   a configuration file with all options in comments, at their defaults\n"
    "\n"
    "Falling precedence: -o name=value, FOREGATE_... in the environment, the file,\n"
    "docker-mailserver's names in the environment, dms.settings, default.\n";

/* "duration from 1ms to 20s", "one of: enforce shadow" */
static const char *describe_type(struct arena *arena, const struct option *option)
{
    if (option->type == OPTION_CHOICE) {
        return arena_format(arena, "one of: %s", option->choices);
    }
    const char *name = option_type_name(option->type);
    if (option->type == OPTION_BOOL) {
        return "yes or no";
    }
    if (option->minimum == 0 && option->maximum == 0) {
        return name;
    }
    char minimum[OPTION_NUMBER_BYTES];
    char maximum[OPTION_NUMBER_BYTES];
    option_format_number(option->type, option->minimum, minimum);
    option_format_number(option->type, option->maximum, maximum);
    return arena_format(arena, "%s from %s to %s", name, minimum, maximum);
}

/* NULL: none. */
static const char *shown_value(const struct config *config, const struct option *option)
{
    const char *value = config_text(config, option->name);
    bool is_hidden = option->type == OPTION_SECRET && value != NULL && *value != '\0';
    return is_hidden ? "(not shown)" : value;
}

static json_t *option_json(const struct config *config, struct arena *arena,
                           const struct option *option)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_text(option->name));
    json_object_set_new(object, "value", json_text(shown_value(config, option)));
    json_object_set_new(object, "origin", json_text(config_origin(config, option->name)));
    json_object_set_new(object, "default", json_text(option->initial));
    json_object_set_new(object, "type", json_text(option_type_name(option->type)));
    json_object_set_new(object, "accepts", json_text(describe_type(arena, option)));
    json_object_set_new(object, "environment",
                        json_text(option_environment_name(arena, option->name)));
    json_object_set_new(object, "dms", json_text(option->dms_name));
    json_object_set_new(object, "help", json_text(option->help));
    return object;
}

static void print_option(const struct config *config, struct arena *arena,
                         const struct option *option)
{
    const char *value = shown_value(config, option);
    value = value != NULL ? text_printable(arena, value, strlen(value)) : "";
    const char *origin = config_origin(config, option->name);
    printf("%s =%s%s\n", option->name, *value != '\0' ? " " : "", value);
    printf("    from %s\n", text_printable(arena, origin, strlen(origin)));
    printf("    %s (%s)\n", option->help, describe_type(arena, option));
}

static void print_sample(struct arena *arena, const struct option *option)
{
    const char *initial = option->initial != NULL ? option->initial : "";
    /* A default taken from this host would be wrong in a file that travels. */
    if (strcmp(option->name, "hostname") == 0) {
        initial = "";
    }
    printf("\n# %s (%s)\n", option->help, describe_type(arena, option));
    if (option->dms_name != NULL) {
        printf("# docker-mailserver: %s\n", option->dms_name);
    }
    printf("#%s =%s%s\n", option->name, *initial != '\0' ? " " : "", initial);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    bool wanted = argc < 2;
    for (int i = 1; i < argc && argv[i] != NULL && !wanted; i++) {
        wanted = strcmp(argv[i], name) == 0;
    }
    return wanted;
}

/* The name of an operand that is no option, or NULL. */
static const char *find_unknown(const struct config *config, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!config_is_declared(config, argv[i])) {
            return argv[i];
        }
    }
    return NULL;
}

static bool print_all(const struct config *config, struct arena *arena, bool json,
                      bool sample, int argc, char **argv)
{
    json_t *options = json_array();
    if (sample) {
        puts("# Foregate. name = value, one a line; # begins a comment at the start of a "
             "line.\n"
             "# Each option can be given as FOREGATE_NAME in the environment, dots as _.");
    }
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        if (!is_wanted(option->name, argc, argv)) {
            continue;
        }
        if (json) {
            json_array_append_new(options, option_json(config, arena, option));
        } else if (sample) {
            print_sample(arena, option);
        } else {
            print_option(config, arena, option);
        }
    }
    if (!json) {
        json_decref(options);
        return options_flush();
    }
    json_t *object = json_object();
    json_object_set_new(object, "options", options);
    return json_print(object);
}

static int show(struct config *config, bool json, bool sample, int argc, char **argv)
{
    struct error error;
    if (!generation_declare(config, &error)) {
        return options_fail(argv[0], &error);
    }
    const char *unknown = find_unknown(config, argc, argv);
    if (unknown != NULL) {
        error_set(&error, ERROR_CONFIG, "there is no option %s", unknown);
        return options_fail(argv[0], &error);
    }
    if (!sample && !config_check(config, &error)) {
        return options_fail(argv[0], &error);
    }
    struct arena *arena = arena_new();
    bool printed = print_all(config, arena, json, sample, argc, argv);
    arena_free(&arena);
    return printed ? STATUS_OK : options_unwritten("config");
}

int command_config(struct config *config, int argc, char **argv)
{
    bool json = false;
    bool sample = false;
    const struct option_flag flags[] = {
        {"--json", &json}, {"--sample", &sample}, {NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_GO_ON:
        break;
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    }
    if (json && sample) {
        return options_misused(argv[0], "--json and --sample exclude each other");
    }
    return show(config, json, sample, argc, argv);
}
