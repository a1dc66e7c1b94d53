/* SPDX-License-Identifier: MIT */
/* The thread that keeps rules (rules.h) and directory (volume.h) current: when their files
 * change, and when SIGUSR1 or `foregate reload` (control.h) ask for it. */
#ifndef FOREGATE_RELOAD_RELOAD_H
#define FOREGATE_RELOAD_RELOAD_H

#include "base/config.h"
#include "base/error.h"
#include "current.h"
#include "directory/dms.h"
#include "reload/watch.h"

struct reload;

/* What the program was started with. All borrowed, process lifetime; but files, fingerprint
 * and rules_watch, which is taken over, are what was known when current was loaded. */
struct reload_settings {
    const struct config *config; /* its sources are read again for new rules */
    const struct services *services;
    const struct directory_settings *directory;
    struct current *current;
    const struct dms_watch *files; /* of the directory */
    uint64_t fingerprint;          /* of these */
    struct watch *rules_watch;
};

/* NULL (SYSTEM): there is no thread. Without a control socket it goes on, with a warning.
 */
struct reload *reload_start(const struct reload_settings *settings, struct error *error);

/* Nobody can ask for a reload any more, and soon there is none. For a process that is about
 * to exit: does not wait for the thread, which may be reading a large directory, and frees
 * nothing. */
void reload_quit(struct reload *reload);

/* Waits until the thread has ended, and frees it. */
void reload_stop(struct reload **reload);

#endif
