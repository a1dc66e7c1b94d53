/* SPDX-License-Identifier: MIT */
/* Builds a snapshot from a docker-mailserver config volume: postfix-accounts.cf,
 * postfix-virtual.cf, postfix-regexp.cf, postfix-aliases.cf, dovecot-quotas.cf, and the
 * delimiter out of postfix-main.cf and dovecot.cf. Everything that is wrong in a line
 * becomes a finding with file, line and remedy. */
#ifndef FOREGATE_DIRECTORY_DMS_H
#define FOREGATE_DIRECTORY_DMS_H

#include "base/error.h"
#include "directory/file.h"
#include "directory/finding.h"
#include "directory/resolve.h"
#include "directory/snapshot.h"

#include <stdint.h>

/* NULL when a file cannot be read or a table cannot be used (error has file,
 * line and remedy): then the last good snapshot stays in use. Findings of all
 * severities are added to findings, which may be NULL. Reads files: reload or main thread.
 */
struct snapshot *dms_load(const struct directory_settings *settings,
                          struct finding_list *findings, struct error *error);

/* The same for a linter: what can be read is in the snapshot, even when it could not be
 * used; why not stands in findings, which may not be NULL. Never NULL. */
struct snapshot *dms_read(const struct directory_settings *settings,
                          struct finding_list *findings);

/* The file that an alias which matched so is written in. */
const char *dms_match_file(enum match_kind match);

/* Where the alias of a step is written: file and line, or what its source calls the place.
 */
const char *dms_alias_place(struct arena *arena, const struct via_step *step);

enum { DMS_FILES = 7 };

/* What is remembered of the files between two looks, and of the last load. Zeroed: nothing
 * yet. */
struct dms_watch {
    struct file_state files[DMS_FILES + 1];
    struct file_mark loaded[DMS_FILES + 1];
};

/* dms_load that remembers which files it opened, also when it fails. The snapshot has the
 * digest of the last look (dms_fingerprint), if there was one. */
struct snapshot *dms_load_watched(const struct directory_settings *settings,
                                  struct dms_watch *watch, struct finding_list *findings,
                                  struct error *error);

/* Did any of the files change so shortly ago? Whoever writes it may not have ended. */
bool dms_changed_within(const struct dms_watch *watch, int64_t ms);

/* Does one look as if it was cut off since? */
bool dms_looks_cut(const struct dms_watch *before, const struct dms_watch *watch);

/* Did the load find other files than the look after it? A file that was away for a moment,
 * or held something else, leaves no trace in contents that are compared before and after.
 */
bool dms_was_disturbed(const struct dms_watch *watch);

/* A digest over the contents of the files dms_load would read; changes when
 * any of them does. Cheap enough to be asked twice a second. A missing file counts
 * as such, not as an error. */
uint64_t dms_fingerprint(const struct directory_settings *settings,
                         struct dms_watch *watch);

#endif
