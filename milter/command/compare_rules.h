/* SPDX-License-Identifier: MIT */
/* One of the two sets of rules that are compared, with the configuration it runs under. */
#ifndef FOREGATE_COMMAND_COMPARE_RULES_H
#define FOREGATE_COMMAND_COMPARE_RULES_H

#include "base/config.h"
#include "base/error.h"
#include "parts.h"

#include <stdbool.h>

struct compare_rules {
    struct config *config;
    struct parts parts;
};

/* where: a folder, whose rules win over those of the configuration's folders, or a file, a
 * configuration in place of the one that was loaded; what was overridden stays so. False
 * (CONFIG or SYSTEM): the error names it. */
bool compare_rules_open(struct compare_rules *rules, const struct config *config,
                        const char *where, struct error *error);

/* Fine after a failed open, and for a zeroed one. */
void compare_rules_close(struct compare_rules *rules);

#endif
