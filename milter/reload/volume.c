/* SPDX-License-Identifier: MIT */
#include "reload/volume.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    SETTLE_MS = 200,      /* a file that is being written: wait until it stays the same */
    QUIET_MS = 1000,      /* for so long */
    SETTLE_ROUNDS = 8,    /* but not for ever: then it is read as it is */
    LOGGED_FINDINGS = 50, /* of one load */
    RETRY_MS = 10000,     /* between two tries to load what failed */
    DISTURBED_MAX = 5,    /* loads in a row, at once, since files changed during each */
};

void volume_log_findings(const struct finding_list *findings)
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

static void report_loaded(struct volume *volume, const struct snapshot *snapshot)
{
    struct snapshot_counts counts = snapshot_counts(snapshot);
    volume->report.kept = false;
    snprintf(volume->report.text, sizeof volume->report.text,
             "directory: %zu accounts, %zu aliases, %zu patterns, %zu domains",
             counts.accounts, counts.aliases, counts.patterns, counts.domains);
}

void volume_tidy(struct volume *volume)
{
    for (int i = 0; i < REPLACED; i++) {
        if (volume->replaced[i] != NULL && snapshot_is_unused(volume->replaced[i])) {
            snapshot_release(&volume->replaced[i]);
        }
    }
}

/* Without a place for it, whoever ends the last message with it frees it. */
static void retire(struct volume *volume, struct snapshot *snapshot)
{
    int place = 0;
    while (place < REPLACED && volume->replaced[place] != NULL) {
        place++;
    }
    if (place < REPLACED) {
        volume->replaced[place] = snapshot;
    } else {
        snapshot_release(&snapshot);
    }
}

static void keep(struct volume *volume, const struct error *error, bool is_new)
{
    volume->report.kept = true;
    snprintf(volume->report.text, sizeof volume->report.text,
             "directory: %s; the last good one stays in use", error->text);
    if (is_new) {
        counter_add(COUNTER_RELOAD_ERRORS, 1);
        log_message(LOG_ERROR, "directory_kept", "%s; the last good directory stays in use",
                    error->text);
    }
}

/* False: the last good one stays; said only when the contents are new. */
static bool load(struct volume *volume, bool is_new)
{
    struct error error = {0};
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot =
        dms_load_watched(volume->settings, &volume->files, &findings, &error);
    bool loaded = snapshot != NULL;
    if (loaded) {
        struct snapshot *held = snapshot_hold(snapshot);
        struct snapshot *old = current_set_snapshot(volume->current, snapshot);
        volume_log_findings(&findings);
        log_changes(old, held);
        report_loaded(volume, held);
        snapshot_release(&held);
        retire(volume, old);
        counter_add(COUNTER_RELOADS, 1);
    } else {
        keep(volume, &error, is_new);
    }
    arena_free(&arena);
    return loaded;
}

/* Nobody seems to be in the middle of writing a file: it did not change for a while, and
 * does not look cut off. */
static bool is_settled(const struct volume *volume)
{
    return !dms_changed_within(&volume->files, QUIET_MS) &&
           !dms_looks_cut(&volume->loaded, &volume->files);
}

/* Several writes to a file end in one reload. A file that is half written in its place is
 * read as it is only when whoever writes it pauses for longer than this waits. */
static uint64_t settled_fingerprint(struct volume *volume, uint64_t first)
{
    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        struct pollfd wake = {.fd = volume->wake, .events = POLLIN};
        if (poll(&wake, 1, SETTLE_MS) > 0) {
            break;
        }
        uint64_t second = dms_fingerprint(volume->settings, &volume->files);
        bool is_same = second == first;
        first = second;
        if (is_same && is_settled(volume)) {
            break;
        }
    }
    return first;
}

/* Behind a load: a file that was changed during it, if only for a moment, is to be loaded
 * again at once, even when it is as it was before. */
static void check_load(struct volume *volume)
{
    uint64_t now = dms_fingerprint(volume->settings, &volume->files);
    if (now == volume->fingerprint && !dms_was_disturbed(&volume->files)) {
        volume->disturbed = 0;
        return;
    }
    volume->failed = true;
    volume->disturbed++;
    if (volume->disturbed <= DISTURBED_MAX) {
        volume->retry_ms = 0;
    }
}

/* What failed may have failed for a reason that leaves the contents as they were. */
void volume_look(struct volume *volume, bool always)
{
    uint64_t fingerprint = dms_fingerprint(volume->settings, &volume->files);
    if (fingerprint != volume->fingerprint) {
        fingerprint = settled_fingerprint(volume, fingerprint);
    }
    bool again = volume->failed && clock_monotonic_ms() >= volume->retry_ms;
    if (fingerprint == volume->fingerprint && !always && !again) {
        return;
    }
    bool is_new = fingerprint != volume->fingerprint || always;
    volume->fingerprint = fingerprint;
    volume->loaded = volume->files;
    volume->failed = !load(volume, is_new);
    volume->retry_ms = clock_monotonic_ms() + RETRY_MS;
    check_load(volume);
}

/* NULL: there is none, and nothing to watch. */
static int watch_folder(const char *folder)
{
    if (folder == NULL) {
        return -1;
    }
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch >= 0 && inotify_add_watch(watch, folder,
                                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                            IN_CREATE | IN_DELETE | IN_MODIFY) < 0) {
        close(watch);
        watch = -1;
    }
    if (watch < 0) {
        log_message(LOG_WARNING, "watch",
                    "%s: no inotify (%s): looking twice a second instead", folder,
                    strerror(errno));
    }
    return watch;
}

void volume_init(struct volume *volume, const struct directory_settings *settings,
                 struct current *current, const struct dms_watch *files,
                 uint64_t fingerprint, int wake)
{
    *volume = (struct volume){
        .settings = settings,
        .current = current,
        .wake = wake,
        .inotify = watch_folder(settings->volume),
        .failed = dms_was_disturbed(files),
        .fingerprint = fingerprint,
        .files = *files,
        .loaded = *files,
    };
}

void volume_deinit(struct volume *volume)
{
    volume_tidy(volume);
    if (volume->inotify >= 0) {
        close(volume->inotify);
    }
}
