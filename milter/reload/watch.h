/* SPDX-License-Identifier: MIT */
/* The files that a generation of rules comes from: configuration, docker-mailserver's
 * settings, for each rule its place in every folder of rules.path (so that a file that
 * would win over the one in use is seen to appear), and the tests that rules name.
 * Contents decide whether something changed. Reload thread. */
#ifndef FOREGATE_RELOAD_WATCH_H
#define FOREGATE_RELOAD_WATCH_H

#include "base/config.h"
#include "script/engine.h"

#include <stdbool.h>
#include <stdint.h>

struct watch;

struct watch *watch_new(void);
void watch_free(struct watch **watch);

/* From here on the files that config names, and no tests. A file that was not looked at
 * before is looked at, and counts as marked. */
void watch_follow(struct watch *watch, const struct config *config);

/* Also the tests that its rules name; looked at and marked. */
void watch_add_tests(struct watch *watch, const struct generation *generation);

/* Looks at all files; a digest over their contents. Cheap enough for twice a second. */
uint64_t watch_look(struct watch *watch);

/* As they were at the last look they are about to be read. */
void watch_mark(struct watch *watch);

/* At the last look: had a file changed since it was marked, if only for a moment? */
bool watch_is_disturbed(const struct watch *watch);

/* At the last look nobody seemed to be in the middle of writing one: none had changed for
 * quiet_ms, and none looked cut off compared with when it was marked. */
bool watch_is_settled(const struct watch *watch, int64_t quiet_ms);

#endif
