/* SPDX-License-Identifier: MIT */
/* Contradictions in a config volume that no single line shows: what will happen to mail
 * because of them, and what to write instead. For `check`; may take seconds for a large
 * volume. */
#ifndef FOREGATE_DIRECTORY_LINT_H
#define FOREGATE_DIRECTORY_LINT_H

#include "directory/finding.h"
#include "directory/snapshot.h"

#include <stddef.h>

/* The snapshot is one of dms_read: it may be unusable for mail. dovecot-quotas.cf is read
 * once more from the volume of its settings, if they name one. */
void lint_snapshot(const struct snapshot *snapshot, struct finding_list *findings);

/* The same with so many look-ups at most. When they are spent, a finding says so. */
void lint_snapshot_within(const struct snapshot *snapshot, size_t lookups,
                          struct finding_list *findings);

#endif
