/* SPDX-License-Identifier: MIT */
/* `check` asks the quota service about one account, as the rule quota would. */
#ifndef FOREGATE_COMMAND_CHECK_QUOTA_H
#define FOREGATE_COMMAND_CHECK_QUOTA_H

#include "base/config.h"
#include "directory/finding.h"
#include "directory/snapshot.h"

#include <jansson.h>

struct quota_report {
    const char *service; /* NULL: nobody was asked */
    const char *account;
    const char *answer; /* "fits", "over", "unknown-user"...; "none": there was none */
    const char *action; /* what it said, word for word; NULL: it is of no interest */
};

/* Whether the options about it can be used; and asks, when the rule quota is in use and
 * there is an account, for quota.timeout at most. Adds what is wrong to findings, in whose
 * arena the report lives. The configuration must be sound. */
struct quota_report check_quota(const struct config *config,
                                const struct snapshot *snapshot,
                                struct finding_list *findings);

json_t *quota_report_json(const struct quota_report *report); /* null: nobody was asked */

/* One line on stdout, or none. */
void quota_report_print(const struct quota_report *report, struct arena *arena);

#endif
