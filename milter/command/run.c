/* SPDX-License-Identifier: MIT */
/* `foregate run`: the gateway, in the foreground. */
#include "base/counter.h"
#include "base/log.h"
#include "command/command.h"
#include "command/options.h"
#include "gateway.h"
#include "parts.h"
#include "reload/reload.h"
#include "reload/tests_child.h"
#include "reload/volume.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char help[] =
    "Usage: foregate [-c FILE] [-o name=value]... run\n"
    "\n"
    "Runs the gateway in the foreground: the milter that judges mail. Logs to stderr.\n"
    "\n"
    "SIGTERM or SIGINT stops it gracefully: no new sessions, open transactions end, at "
    "most\n"
    "25 seconds. Changes of rules, configuration and directory are seen by themselves;\n"
    "`foregate reload` and SIGUSR1 load all of it at once.\n"
    "\n"
    "Exit status: 0 stopped as asked, 2 it could not start or serve.\n";

/* Below the 30 s after which service managers kill. */
enum { DRAIN_MS = 25000, FLUSH_MS = 2000 };

/* Everything here lives until exit, which other threads do not wait for: hence static. */
static struct parts parts;
static struct listener_settings listener;
static struct reload *reload;

static void configure_log(const struct config *config)
{
    bool json = strcmp(config_text(config, "log.format"), "json") == 0;
    log_configure(log_level_find(config_text(config, "log.level")),
                  json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

/* Each session is a descriptor; without a spare one libmilter's accept loops. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void log_start(const struct config *config)
{
    struct generation *generation;
    struct snapshot *snapshot;
    current_hold(parts.current, &generation, &snapshot);
    struct snapshot_counts counts = snapshot_counts(snapshot);
    struct log_line line;
    log_begin(&line, LOG_INFO, "start");
    log_text(&line, "version", FOREGATE_VERSION);
    log_text(&line, "listen", config_text(config, "listen"));
    log_text(&line, "rules", config_text(config, "rules"));
    log_text(&line, "mode", config_text(config, "mode"));
    log_number(&line, "accounts", (int64_t)counts.accounts);
    log_number(&line, "aliases", (int64_t)counts.aliases);
    log_number(&line, "patterns", (int64_t)counts.patterns);
    log_number(&line, "domains", (int64_t)counts.domains);
    log_end(&line);
    generation_release(&generation);
    snapshot_release(&snapshot);
}

/* libmilter's own thread waits for TERM and INT as well and would cut all sessions; of
 * several waiting threads the kernel prefers the main one. It waits for nothing else, so
 * that it is never away when they come. */
static void wait_for_stop(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    while (sigwaitinfo(&signals, NULL) < 0) {
    }
}

/* libmilter's thread waits for TERM, INT and HUP too and would cut all sessions. The kernel
 * drops an ignored signal at once when the main thread does not block it, whoever waits for
 * it. */
static void ignore_signal(int number)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    signal(number, SIG_IGN);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

/* Does not return: callbacks of idle sessions may still run, so nothing is freed. */
static _Noreturn void stop(struct journal *journal)
{
    ignore_signal(SIGTERM);
    ignore_signal(SIGINT);
    reload_quit(reload);
    bool has_failed = gateway_has_failed();
    log_message(LOG_INFO, "stopping", "no new sessions; open transactions end first");
    if (!gateway_drain(DRAIN_MS)) {
        log_message(
            LOG_WARNING, "stopping",
            "transactions are still open after %d s: their clients are told to try again",
            DRAIN_MS / 1000);
    }
    if (journal != NULL && !journal_flush(journal, FLUSH_MS)) {
        log_message(LOG_WARNING, "record_lost", "the disk does not take the last records");
    }
    counter_log();
    log_message(has_failed ? LOG_ERROR : LOG_INFO, "stopped", "%s",
                has_failed ? "libmilter ended by itself" : "as asked");
    exit(has_failed ? STATUS_FAILED : STATUS_OK);
}

/* *journal is NULL when nothing is to be recorded. */
static bool open_journal(const struct config *config, struct journal **journal,
                         struct error *error)
{
    const struct journal_settings settings = {
        .path = config_text(config, "record"),
        .size_bytes = config_number(config, "record.size"),
        .files = (int)config_number(config, "record.files"),
    };
    bool is_wanted = settings.path != NULL && settings.path[0] != '\0';
    *journal = is_wanted ? journal_open(&settings, error) : NULL;
    return !is_wanted || *journal != NULL;
}

static int fail(const struct error *error)
{
    log_message(LOG_ERROR, "start_refused", "%s", error->text);
    return STATUS_FAILED;
}

static bool start_parts(struct config *config, struct error *error)
{
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    bool started = parts_start(&parts, config, &findings, error);
    if (started) {
        configure_log(config);
        started = open_journal(config, &parts.transactions.journal, error);
        parts.transactions.record_all =
            log_is_active(LOG_DEBUG) || parts.transactions.journal != NULL;
    }
    volume_log_findings(&findings);
    arena_free(&arena);
    return started;
}

/* A rule whose tests fail is broken, as one that does not load. When it cannot be told
 * whether they would pass, mail must not wait for it. */
static bool test_rules(const struct generation *generation, struct error *error)
{
    if (tests_child_run(generation, error)) {
        return true;
    }
    if (error->kind != ERROR_CONFIG) {
        log_message(LOG_WARNING, "rules_untested", "%s; it starts all the same",
                    error->text);
    }
    return error->kind != ERROR_CONFIG;
}

/* watch is taken over. */
static bool start(struct config *config, struct watch *watch, struct error *error)
{
    bool started = start_parts(config, error);
    if (started) {
        watch_add_tests(watch, current_generation(parts.current));
        started = test_rules(current_generation(parts.current), error) &&
                  gateway_open(&parts.transactions, &listener, error);
    }
    if (!started) {
        watch_free(&watch);
        return false;
    }
    const struct reload_settings settings = {
        .config = config,
        .services = &parts.services,
        .directory = &parts.directory,
        .current = parts.current,
        .files = &parts.files,
        .fingerprint = parts.fingerprint,
        .rules_watch = watch,
    };
    reload = reload_start(&settings, error);
    return reload != NULL && gateway_start(error);
}

static int serve(struct config *config)
{
    struct error error = {0};
    listener = (struct listener_settings){
        .option = "listen",
        .listen = config_text(config, "listen"),
        .mode = config_text(config, "listen.mode"),
        .group = config_text(config, "listen.group"),
    };
    struct watch *watch = watch_new();
    watch_follow(watch, config);
    if (!start(config, watch, &error)) {
        reload_stop(&reload);
        parts_stop(&parts);
        return fail(&error);
    }
    log_start(config);
    wait_for_stop();
    stop(parts.transactions.journal);
}

int command_run(struct config *config, int argc, char **argv)
{
    const struct option_flag flags[] = {{NULL, NULL}};
    switch (options_read(&argc, argv, flags, help)) {
    case OPTIONS_HELP:
        return STATUS_OK;
    case OPTIONS_USAGE:
        return STATUS_FAILED;
    case OPTIONS_GO_ON:
        break;
    }
    if (argc > 1) {
        return options_misused("run", "takes no arguments");
    }
    raise_descriptor_limit();
    ignore_signal(SIGPIPE);
    ignore_signal(SIGHUP);
    return serve(config);
}
