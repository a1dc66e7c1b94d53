/* SPDX-License-Identifier: MIT */
#include "io/deadline.h"

#include "base/clock.h"

#include <event2/event.h>
#include <stdlib.h>

static void on_timer(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct deadline *deadline = argument;
    deadline->at_ms = INT64_MAX;
    deadline->reached(deadline->argument);
}

void deadline_init(struct deadline *deadline, struct loop *loop,
                   void (*reached)(void *argument), void *argument)
{
    *deadline =
        (struct deadline){.at_ms = INT64_MAX, .reached = reached, .argument = argument};
    deadline->event = evtimer_new(loop_base(loop), on_timer, deadline);
    if (deadline->event == NULL) {
        abort();
    }
}

void deadline_deinit(struct deadline *deadline)
{
    event_free(deadline->event);
}

void deadline_set(struct deadline *deadline, int64_t at_ms)
{
    if (at_ms >= deadline->at_ms) {
        return;
    }
    int64_t wait_ms = at_ms - clock_monotonic_ms();
    wait_ms = wait_ms > 0 ? wait_ms : 0;
    const struct timeval wait = {.tv_sec = wait_ms / 1000,
                                 .tv_usec = wait_ms % 1000 * 1000};
    if (evtimer_add(deadline->event, &wait) != 0) {
        abort(); /* nobody would end the wait */
    }
    deadline->at_ms = at_ms;
}
