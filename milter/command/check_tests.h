/* SPDX-License-Identifier: MIT */
/* The tests that rules name, run as before a reload. */
#ifndef FOREGATE_COMMAND_CHECK_TESTS_H
#define FOREGATE_COMMAND_CHECK_TESTS_H

#include "base/config.h"
#include "directory/finding.h"

/* config is sound, with the settings of its rules declared; its sources are read again.
 * Waits for reload.tests_timeout at most. Adds one finding: the first test that fails, or
 * that cannot be run. */
void check_tests(const struct config *config, struct finding_list *findings);

#endif
