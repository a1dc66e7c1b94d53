/* SPDX-License-Identifier: MIT */
/* `foregate resolve`: where mail for an address goes, by the resolver that delivery, quota
 * and ownership use. */
#include "directory/resolve.h"
#include "directory/dms.h"

#include "backends.h"
#include "command/command.h"
#include "command/json.h"
#include "command/options.h"
#include "command/resolve_output.h"
#include "directory/dms_parse.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: foregate resolve [--json] ADDRESS... | -\n"
    "\n"
    "Expands each address as Postfix does, and prints a tree: which aliases replace it,\n"
    "which recipients it leads to, and whose mailbox each one is. `-` reads addresses\n"
    "from stdin, one a line.\n"
    "\n"
    "  --json   one object a line, in the order of the addresses\n"
    "\n"
    "The first line of each tree says what a stranger is told about the address:\n"
    "\n"
    "  ok        it is accepted\n"
    "  unknown   it is refused: our domain, but nobody there\n"
    "  relay     it is refused: not our domain. Below is what becomes of it when the\n"
    "            client may relay\n"
    "  error     it is put off: the aliases lead in a circle, or cannot be used, or a\n"
    "            source of accounts cannot tell; below is the way to the place. With\n"
    "            syntax, it is no address, and refused\n"
    "\n"
    "Indented lines say what becomes of an address:\n"
    "\n"
    "  alias     it is replaced by those below it, as a line of that file or a source "
    "says\n"
    "  mailbox   this account stores it; the limit is that of the config volume, or of\n"
    "            the source that knows the account\n"
    "  external  it is sent out\n"
    "  local     the host itself delivers it, to a file, a command or a system user\n"
    "  unknown   it is accepted, and bounces\n"
    "  again     the tree has it at another place as well, where more is said\n"
    "\n"
    "How an alias matched: exact (the whole address), pattern (a regular expression),\n"
    "base (without its detail), bare (a name without a domain), catch-all (@domain),\n"
    "local (a name at the host itself).\n"
    "\n"
    "With `in doubt` a source could not be asked now, and it may know otherwise.\n"
    "\n"
    "On a terminal the words are coloured, unless NO_COLOR is set.\n"
    "\n"
    "Exit status: 0 all addresses are ok or not ours, 1 one is unknown or in error,\n"
    "2 the directory cannot be used.\n";

struct job {
    struct directory_settings settings;
    struct snapshot *snapshot;
    struct backends backends;
    struct source_memory memory; /* of one address */
    struct directory directory;
    struct arena *arena; /* reset after each address */
    bool json;
    bool coloured;
    bool found;  /* an address was unknown or in error */
    bool closed; /* nobody reads our output any more */
};

/* Whose answers led to the recipient: of each alias in via, then of the mailbox. */
static json_t *sources_json(struct arena *arena, const struct expanded_recipient *recipient)
{
    json_t *sources = json_array();
    for (size_t i = 0; i < recipient->via_count; i++) {
        json_array_append_new(sources,
                              json_text(dms_alias_place(arena, &recipient->via[i])));
    }
    if (recipient->mailbox != NULL) {
        const char *source = recipient->source;
        json_array_append_new(sources, json_text(source != NULL ? source : DMS_ACCOUNTS));
    }
    return sources;
}

static json_t *recipient_json(const struct job *job,
                              const struct expanded_recipient *recipient)
{
    json_t *via = json_array();
    for (size_t i = 0; i < recipient->via_count; i++) {
        json_array_append_new(via, json_text(recipient->via[i].address));
    }
    json_t *object = json_object();
    json_object_set_new(object, "address", json_text(recipient->address));
    json_object_set_new(object, "class", json_text(recipient_class_name(recipient->class)));
    json_object_set_new(object, "mailbox", json_text(recipient->mailbox));
    json_object_set_new(object, "via", via);
    if (directory_waits(&job->directory)) { /* else it is always the volume */
        json_object_set_new(object, "sources", sources_json(job->arena, recipient));
    }
    return object;
}

/* error and reason: NULL where there is none. Without an error, the reason is a doubt. */
static void print_json(struct job *job, json_t *address, const char *status,
                       const char *error, const char *reason,
                       const struct expansion *expansion)
{
    json_t *recipients = json_array();
    for (size_t i = 0; expansion != NULL && i < expansion->recipient_count; i++) {
        json_array_append_new(recipients, recipient_json(job, &expansion->recipients[i]));
    }
    json_t *object = json_object();
    json_object_set_new(object, "address", address);
    json_object_set_new(object, "status", json_text(status));
    if (error != NULL) {
        json_object_set_new(object, "error", json_text(error));
    }
    if (reason != NULL) {
        json_object_set_new(object, "reason", json_text(reason));
    }
    json_object_set_new(object, "recipients", recipients);
    job->closed = !json_print(object);
}

static void refuse(struct job *job, const char *bytes, size_t length, const char *reason)
{
    job->found = true;
    if (job->json) {
        print_json(job, json_bytes(bytes, length), "error", "syntax", reason, NULL);
    } else {
        const struct resolution resolution = {
            .arena = job->arena, .typed = bytes, .coloured = job->coloured};
        job->closed = !resolution_refuse_text(&resolution, reason);
    }
}

/* bytes ends with a NUL that is not counted; it may have others inside. */
static void resolve_one(struct job *job, const char *bytes, size_t length)
{
    struct address address;
    struct error error;
    if (strlen(bytes) < length) {
        refuse(job, bytes, length, "there is a NUL byte in the address");
        return;
    }
    if (!address_parse(job->arena, bytes, &snapshot_settings(job->snapshot)->rules,
                       &address, &error)) {
        refuse(job, bytes, length, error.text);
        return;
    }
    if (address.is_null) {
        refuse(job, bytes, length, "the null address cannot receive mail");
        return;
    }
    job->directory =
        source_memory_begin(&job->memory, job->backends.sources, job->snapshot, job->arena);
    const char *doubt = NULL;
    job->directory.doubt = &doubt;
    const struct expansion *expansion =
        resolve_address(job->arena, &address, &job->directory);
    job->directory.doubt = NULL;
    bool failed = expansion->status == EXPANSION_ERROR;
    job->found = job->found || failed || expansion->status == EXPANSION_UNKNOWN;
    if (job->json) {
        print_json(job, json_bytes(bytes, length), expansion_status_name(expansion->status),
                   failed ? expansion_fault_name(expansion->fault) : NULL,
                   failed ? expansion->fault_reason : doubt, expansion);
    } else {
        const struct resolution resolution = {.arena = job->arena,
                                              .typed = bytes,
                                              .directory = &job->directory,
                                              .address = &address,
                                              .expansion = expansion,
                                              .doubt = doubt,
                                              .coloured = job->coloured};
        job->closed = !resolution_print_text(&resolution);
    }
}

/* Empty lines are answered like others: line n of the output belongs to line n of the
 * input. */
static bool resolve_lines(struct job *job, struct error *error)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length = 0;
    while (!job->closed && (length = getline(&line, &size, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n') {
            line[--length] = '\0';
        }
        if (length > 0 && line[length - 1] == '\r') {
            line[--length] = '\0';
        }
        resolve_one(job, line, (size_t)length);
        arena_reset(job->arena);
    }
    free(line);
    return !ferror(stdin) || error_set(error, ERROR_SYSTEM, "stdin: cannot read it");
}

static bool resolve_operands(struct job *job, int argc, char **argv, struct error *error)
{
    for (int i = 1; i < argc && !job->closed; i++) {
        if (strcmp(argv[i], "-") == 0) {
            if (!resolve_lines(job, error)) {
                return false;
            }
            continue;
        }
        resolve_one(job, argv[i], strlen(argv[i]));
        arena_reset(job->arena);
    }
    return !job->closed || error_set(error, ERROR_SYSTEM, "stdout: cannot write to it");
}

/* NO_COLOR: https://no-color.org. A terminal that has no name can do nothing. */
static bool wants_colour(void)
{
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return (refused == NULL || *refused == '\0') && terminal != NULL && *terminal != '\0' &&
           strcmp(terminal, "dumb") != 0 && isatty(STDOUT_FILENO) == 1;
}

/* memory holds the settings: it outlives the addresses' arena. */
static int resolve_all(const struct config *config, struct arena *memory, bool json,
                       int argc, char **argv)
{
    struct error error;
    struct job job = {.json = json, .coloured = wants_colour()};
    if (!config_check_declared(config, &error) ||
        !settings_directory(config, memory, &job.settings, &error)) {
        return options_fail(argv[0], &error);
    }
    job.snapshot = dms_load(&job.settings, NULL, &error);
    if (job.snapshot == NULL) {
        return options_fail(argv[0], &error);
    }
    bool done = backends_start(&job.backends, config, NULL, &error);
    if (done) {
        job.arena = arena_new();
        done = resolve_operands(&job, argc, argv, &error);
        source_memory_end(&job.memory);
        arena_free(&job.arena);
        backends_stop(&job.backends);
    }
    snapshot_release(&job.snapshot);
    if (!done) {
        return options_fail(argv[0], &error);
    }
    return job.found ? STATUS_FINDING : STATUS_OK;
}

int command_resolve(struct config *config, int argc, char **argv)
{
    bool json = false;
    const struct option_flag flags[] = {{"--json", &json}, {NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_GO_ON:
        break;
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    }
    if (argc < 2) {
        return options_misused(argv[0], "no address given");
    }
    struct arena *memory = arena_new();
    int status = resolve_all(config, memory, json, argc, argv);
    arena_free(&memory);
    return status;
}
