/* SPDX-License-Identifier: MIT */
/* Contradictions in a config volume that no single line shows: what will happen to mail
 * because of them, and what to write instead. For `check`; may take seconds for a large
 * volume. */
#ifndef FOREGATE_DIRECTORY_LINT_H
#define FOREGATE_DIRECTORY_LINT_H

#include "directory/finding.h"
#include "directory/snapshot.h"

/* The snapshot is one of dms_read: it may be unusable for mail. */
void lint_snapshot(const struct snapshot *snapshot, struct finding_list *findings);

#endif
