/* SPDX-License-Identifier: MIT */
/* The thread that keeps rules and directory current: the directory when a file of it
 * changes (inotify where it works, and a look twice a second), rules and directory on
 * request. It builds aside and swaps; what is broken changes nothing and is said once. */
#ifndef FOREGATE_RELOAD_H
#define FOREGATE_RELOAD_H

#include "base/config.h"
#include "base/error.h"
#include "current.h"
#include "directory/dms.h"

struct reload;

/* config is what the program started with: its sources are read again for new rules. All
 * borrowed; process lifetime; but files, and fingerprint, are what was known of the volume
 * when current was loaded. */
struct reload *reload_start(const struct config *config, const struct services *services,
                            const struct directory_settings *directory,
                            struct current *current, const struct dms_watch *files,
                            uint64_t fingerprint, struct error *error);

/* A warning line each. */
void reload_log_findings(const struct finding_list *findings);

void reload_stop(struct reload **reload);

#endif
