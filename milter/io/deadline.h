/* SPDX-License-Identifier: MIT */
/* One timer for many questions: it is set for the first of their deadlines, and left alone
 * when that question was answered in time, which nearly all are. Loop thread. */
#ifndef FOREGATE_IO_DEADLINE_H
#define FOREGATE_IO_DEADLINE_H

#include "io/loop.h"

#include <stdint.h>

struct event;

struct deadline {
    struct event *event;
    int64_t at_ms; /* when it goes off, at the latest; INT64_MAX: it is not set */
    void (*reached)(void *argument);
    void *argument;
};

/* reached(argument) is called when it goes off, and sets it again for what is left. */
void deadline_init(struct deadline *deadline, struct loop *loop,
                   void (*reached)(void *argument), void *argument);
void deadline_deinit(struct deadline *deadline);

/* At this time (clock_monotonic_ms), unless it goes off before; INT64_MAX: there is none.
 */
void deadline_set(struct deadline *deadline, int64_t at_ms);

#endif
