/* SPDX-License-Identifier: MIT */
#include "reload.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    POLL_MS = 500,     /* where inotify is silent, as on some bind mounts */
    SETTLE_MS = 200,   /* a file that is being written: wait until it stays the same */
    QUIET_MS = 1000,   /* for so long */
    SETTLE_ROUNDS = 8, /* but not for ever: then it is read as it is */
    RETIRED = 16,
    LOGGED_FINDINGS = 50, /* of one reload */
    RENEW_MS = 10000,     /* between two renewals of spent states */
    RETRY_MS = 10000,     /* between two tries to load what failed */
    DISTURBED_MAX = 5,    /* loads in a row, at once, since files changed during each */
};

struct reload {
    const struct config *config;
    const struct services *services;
    const struct directory_settings *directory;
    struct current *current;
    struct generation *generation; /* the current one; only this thread changes it */
    int64_t renew_ms;              /* not before: its states begin anew */
    bool directory_failed;         /* to be tried again without a change */
    int64_t retry_ms;              /* then */
    int disturbed;                 /* loads in a row during which files changed */
    uint64_t fingerprint;          /* of the volume as it was last looked at, good or bad */
    struct dms_watch files;        /* as they were then */
    struct dms_watch loaded;       /* as they were before the last load */
    int wake;                      /* eventfd: the end */
    int signals;                   /* signalfd: SIGUSR1 */
    int watch;                     /* inotify, or -1 */
    atomic_bool stopping;
    struct generation *retired[RETIRED]; /* until their last message has ended */
    struct snapshot *replaced[RETIRED];  /* the same; freeing a large one takes long */
    pthread_t thread;
};

static void free_retired(struct reload *reload)
{
    for (int i = 0; i < RETIRED; i++) {
        if (reload->retired[i] != NULL && generation_is_unused(reload->retired[i])) {
            generation_free(&reload->retired[i]);
        }
        if (reload->replaced[i] != NULL && snapshot_is_unused(reload->replaced[i])) {
            snapshot_release(&reload->replaced[i]);
        }
    }
}

/* The place of a new retired generation, or -1: then a reload waits for messages to end. */
static int retired_place(const struct reload *reload)
{
    for (int i = 0; i < RETIRED; i++) {
        if (reload->retired[i] == NULL) {
            return i;
        }
    }
    return -1;
}

/* Without a place for it, whoever ends the last message with it frees it. */
static void retire_snapshot(struct reload *reload, struct snapshot *snapshot)
{
    int place = 0;
    while (place < RETIRED && reload->replaced[place] != NULL) {
        place++;
    }
    if (place < RETIRED) {
        reload->replaced[place] = snapshot;
    } else {
        snapshot_release(&snapshot);
    }
}

void reload_log_findings(const struct finding_list *findings)
{
    for (size_t i = 0; i < findings->count && i < LOGGED_FINDINGS; i++) {
        const struct finding *finding = &findings->entries[i];
        struct log_line line;
        log_begin(&line, LOG_WARNING, "directory");
        log_text(&line, "code", finding->code);
        log_text(&line, "file", finding->file);
        log_number(&line, "line", finding->line);
        log_text(&line, "text", finding->message);
        log_text(&line, "remedy", finding->remedy);
        log_end(&line);
    }
    size_t all =
        finding_count(findings, FINDING_ERROR) + finding_count(findings, FINDING_WARNING);
    if (all > LOGGED_FINDINGS) {
        log_message(LOG_WARNING, "directory", "%zu more; `foregate check` shows them",
                    all - LOGGED_FINDINGS);
    }
}

static void log_part(struct log_line *line, const char *what, const char *change,
                     size_t count)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", what, change);
    if (count > 0) {
        log_number(line, key, (int64_t)count);
    }
}

static void log_changes(const struct snapshot *old, const struct snapshot *new)
{
    struct snapshot_change changes[SNAPSHOT_CHANGES];
    struct log_line line;
    snapshot_compare(old, new, changes);
    log_begin(&line, LOG_INFO, "directory_loaded");
    for (size_t i = 0; i < SNAPSHOT_CHANGES; i++) {
        log_number(&line, changes[i].what, (int64_t)changes[i].count);
        log_part(&line, changes[i].what, "added", changes[i].added);
        log_part(&line, changes[i].what, "removed", changes[i].removed);
        log_part(&line, changes[i].what, "changed", changes[i].changed);
    }
    const char *delimiters = snapshot_settings(new)->rules.delimiters;
    if (strcmp(snapshot_settings(old)->rules.delimiters, delimiters) != 0) {
        log_text(&line, "delimiter", delimiters);
    }
    log_end(&line);
    if (snapshot_counts(old).accounts > 0 && snapshot_counts(new).accounts == 0) {
        log_message(LOG_WARNING, "directory_empty",
                    "no account is left: mail for all that were there is refused");
    }
}

/* False: the last good one stays; said only when the contents are new. */
static bool load_directory(struct reload *reload, bool is_new)
{
    struct error error = {0};
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot =
        dms_load_watched(reload->directory, &reload->files, &findings, &error);
    bool loaded = snapshot != NULL;
    if (!loaded && is_new) {
        counter_add(COUNTER_RELOAD_ERRORS, 1);
        log_message(LOG_ERROR, "directory_kept", "%s; the last good directory stays in use",
                    error.text);
    } else if (loaded) {
        struct snapshot *held = snapshot_hold(snapshot);
        struct snapshot *old = current_set_snapshot(reload->current, snapshot);
        reload_log_findings(&findings);
        log_changes(old, held);
        snapshot_release(&held);
        retire_snapshot(reload, old);
        counter_add(COUNTER_RELOADS, 1);
    }
    arena_free(&arena);
    return loaded;
}

static void keep_rules(const char *reason)
{
    counter_add(COUNTER_RELOAD_ERRORS, 1);
    log_message(LOG_ERROR, "rules_kept", "%s; the rules that run stay in use", reason);
}

static struct generation *new_generation(const struct reload *reload, struct error *error)
{
    struct config *config = config_again(reload->config, error);
    struct generation *generation =
        config != NULL ? generation_new(config, reload->services, error) : NULL;
    if (generation != NULL) {
        generation_own_config(generation, &config);
    }
    config_free(&config);
    return generation;
}

static void load_rules(struct reload *reload, bool from_disk)
{
    struct error error = {0};
    int place = retired_place(reload);
    if (place < 0) {
        keep_rules("too many older generations of rules still have open messages");
        return;
    }
    struct generation *generation = from_disk
                                        ? new_generation(reload, &error)
                                        : generation_renew(reload->generation, &error);
    if (generation == NULL) {
        keep_rules(error.text);
        return;
    }
    reload->generation = generation;
    reload->retired[place] = current_set_generation(reload->current, generation);
    log_message(LOG_INFO, "rules_loaded", "generation %" PRIu64,
                generation_number(generation));
    counter_add(COUNTER_RELOADS, 1);
}

/* What is on disk is taken over when the operator asks for it, not before: the rules that
 * run are only given fresh states. */
static void renew_spent(struct reload *reload)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < reload->renew_ms || !generation_is_spent(reload->generation)) {
        return;
    }
    reload->renew_ms = now_ms + RENEW_MS;
    log_message(LOG_WARNING, "rules_spent",
                "rules keep all memory of a Lua state: it begins anew");
    load_rules(reload, false);
}

/* Nobody seems to be in the middle of writing a file: it did not change for a while, and
 * does not look cut off. */
static bool is_settled(const struct reload *reload)
{
    return !dms_changed_within(&reload->files, QUIET_MS) &&
           !dms_looks_cut(&reload->loaded, &reload->files);
}

/* Several writes to a file end in one reload. A file that is half written in its place is
 * read as it is only when whoever writes it pauses for longer than this waits. */
static uint64_t settled_fingerprint(struct reload *reload, uint64_t first)
{
    for (int round = 0; round < SETTLE_ROUNDS && !atomic_load(&reload->stopping); round++) {
        struct pollfd wake = {.fd = reload->wake, .events = POLLIN};
        poll(&wake, 1, SETTLE_MS);
        uint64_t second = dms_fingerprint(reload->directory, &reload->files);
        bool is_same = second == first;
        first = second;
        if (is_same && is_settled(reload)) {
            break;
        }
    }
    return first;
}

/* Behind a load: a file that was changed during it, if only for a moment, is to be loaded
 * again at once, even when it is as it was before. */
static void check_load(struct reload *reload)
{
    uint64_t now = dms_fingerprint(reload->directory, &reload->files);
    if (now == reload->fingerprint && !dms_was_disturbed(&reload->files)) {
        reload->disturbed = 0;
        return;
    }
    reload->directory_failed = true;
    reload->disturbed++;
    if (reload->disturbed <= DISTURBED_MAX) {
        reload->retry_ms = 0;
    }
}

/* What failed may have failed for a reason that leaves the contents as they were. */
static void look_at_directory(struct reload *reload, bool always)
{
    uint64_t fingerprint = dms_fingerprint(reload->directory, &reload->files);
    if (fingerprint != reload->fingerprint) {
        fingerprint = settled_fingerprint(reload, fingerprint);
    }
    bool again = reload->directory_failed && clock_monotonic_ms() >= reload->retry_ms;
    if (fingerprint == reload->fingerprint && !always && !again) {
        return;
    }
    bool is_new = fingerprint != reload->fingerprint || always;
    reload->fingerprint = fingerprint;
    reload->loaded = reload->files;
    reload->directory_failed = !load_directory(reload, is_new);
    reload->retry_ms = clock_monotonic_ms() + RETRY_MS;
    check_load(reload);
}

static bool read_some(int descriptor)
{
    char ignored[4096];
    return descriptor >= 0 && read(descriptor, ignored, sizeof ignored) > 0;
}

/* True: SIGUSR1 asked for rules and directory anew. */
static bool wait_for_event(struct reload *reload)
{
    struct pollfd events[] = {
        {.fd = reload->wake, .events = POLLIN},
        {.fd = reload->signals, .events = POLLIN},
        {.fd = reload->watch, .events = POLLIN},
    };
    poll(events, 3, POLL_MS);
    bool requested = read_some(reload->signals);
    /* What changed in the volume does not matter: contents decide. */
    while (read_some(reload->watch)) {
    }
    return requested;
}

static void *run(void *argument)
{
    struct reload *reload = argument;
    while (!atomic_load(&reload->stopping)) {
        bool requested = wait_for_event(reload);
        free_retired(reload);
        if (atomic_load(&reload->stopping)) {
            break;
        }
        if (requested) {
            load_rules(reload, true);
            counter_log();
        }
        renew_spent(reload);
        look_at_directory(reload, requested);
    }
    return NULL;
}

/* A descriptor, not a handler or a wait: so that SIGUSR1 never wakes the main thread, which
 * has to be waiting for SIGTERM at all times. */
static int open_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    return signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int watch_volume(const char *volume)
{
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch >= 0 && inotify_add_watch(watch, volume,
                                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                            IN_CREATE | IN_DELETE | IN_MODIFY) < 0) {
        close(watch);
        watch = -1;
    }
    if (watch < 0) {
        log_message(LOG_WARNING, "watch",
                    "%s: no inotify (%s): looking twice a second instead", volume,
                    strerror(errno));
    }
    return watch;
}

static void close_all(const struct reload *reload)
{
    const int descriptors[] = {reload->wake, reload->signals, reload->watch};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0) {
            close(descriptors[i]);
        }
    }
}

struct reload *reload_start(const struct config *config, const struct services *services,
                            const struct directory_settings *directory,
                            struct current *current, const struct dms_watch *files,
                            uint64_t fingerprint, struct error *error)
{
    struct reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL) {
        abort();
    }
    reload->config = config;
    reload->services = services;
    reload->directory = directory;
    reload->current = current;
    reload->generation = current_generation(current);
    reload->files = reload->loaded = *files;
    reload->fingerprint = fingerprint;
    reload->directory_failed = dms_was_disturbed(files);
    reload->watch = watch_volume(directory->volume);
    reload->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reload->signals = open_signals();
    bool opened = reload->wake >= 0 && reload->signals >= 0;
    int result = opened ? pthread_create(&reload->thread, NULL, run, reload) : errno;
    if (result != 0) {
        error_set(error, ERROR_SYSTEM, "cannot start the reload thread: %s",
                  strerror(result));
        close_all(reload);
        free(reload);
        return NULL;
    }
    pthread_setname_np(reload->thread, "reload");
    return reload;
}

void reload_stop(struct reload **reload)
{
    if (*reload == NULL) {
        return;
    }
    const uint64_t one = 1;
    atomic_store(&(*reload)->stopping, true);
    ssize_t written = write((*reload)->wake, &one, sizeof one);
    (void)written; /* without it the thread looks after POLL_MS */
    pthread_join((*reload)->thread, NULL);
    free_retired(*reload);
    close_all(*reload);
    free(*reload);
    *reload = NULL;
}
