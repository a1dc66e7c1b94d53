/* SPDX-License-Identifier: MIT */
/* Keeps the directory current: looks whether a file of it changed (inotify says when, where
 * it works), waits until whoever writes it has ended, builds a snapshot aside and swaps it
 * in. What cannot be used changes nothing and is said once. Reload thread. */
#ifndef FOREGATE_RELOAD_VOLUME_H
#define FOREGATE_RELOAD_VOLUME_H

#include "current.h"
#include "directory/dms.h"
#include "reload/report.h"

#include <stdbool.h>
#include <stdint.h>

enum { REPLACED = 16 };

struct volume {
    const struct directory_settings *settings;
    struct current *current;
    int wake;                            /* readable: end waiting, the program stops */
    int inotify;                         /* or -1 */
    bool failed;                         /* to be tried again without a change */
    int64_t retry_ms;                    /* then */
    int disturbed;                       /* loads in a row during which files changed */
    uint64_t fingerprint;                /* as it was last looked at, good or bad */
    struct dms_watch files;              /* as they were then */
    struct dms_watch loaded;             /* as they were before the last load */
    struct snapshot *replaced[REPLACED]; /* until their last message has ended; freeing a
                                            large one takes long */
    struct report report;                /* of the last load */
};

/* files and fingerprint: what was known of the volume when current was loaded. settings and
 * current are borrowed for the life of the process, wake is the caller's. */
void volume_init(struct volume *volume, const struct directory_settings *settings,
                 struct current *current, const struct dms_watch *files,
                 uint64_t fingerprint, int wake);
void volume_deinit(struct volume *volume);

/* Loads it when a file changed, or always; report says what came of it. Waits until files
 * are quiet: 1.6 s at most, and not when wake is readable. */
void volume_look(struct volume *volume, bool always);

/* Frees snapshots whose last message has ended. */
void volume_tidy(struct volume *volume);

/* A warning line each. Any thread. */
void volume_log_findings(const struct finding_list *findings);

#endif
