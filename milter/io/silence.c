/* SPDX-License-Identifier: MIT */
#include "io/silence.h"

#include "base/clock.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

struct kept {
    struct request *request;
    void (*end)(struct request *request);
    int64_t deadline_ms;
    struct kept *next; /* ends later, or was there later */
};

/* Loop thread only. */
struct silence {
    struct loop *loop;
    struct event *timer;
    struct kept *first;
};

static void set_timer(const struct silence *silence)
{
    if (silence->first == NULL) {
        return;
    }
    /* No time at all still comes behind what is to be done already. */
    struct timeval delay = {0};
    int64_t left_ms = silence->first->deadline_ms - clock_monotonic_ms();
    if (left_ms > 0 && !clock_is_stopped()) {
        delay.tv_sec = left_ms / 1000;
        delay.tv_usec = left_ms % 1000 * 1000;
    }
    int status = event_add(silence->timer, &delay);
    assert(status == 0); /* only memory can be short */
}

static void on_timer(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct silence *silence = argument;
    struct kept *kept = silence->first;
    int64_t left_ms = kept->deadline_ms - clock_monotonic_ms();
    if (left_ms > 0 && clock_is_stopped()) {
        clock_advance(left_ms);
    }
    silence->first = kept->next;
    set_timer(silence);
    kept->end(kept->request);
    free(kept);
}

void silence_keep(struct silence *silence, struct request *request,
                  void (*end)(struct request *request))
{
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        abort();
    }
    *kept = (struct kept){.request = request,
                          .end = end,
                          .deadline_ms = clock_monotonic_ms() + request->timeout_ms};
    struct kept **place = &silence->first;
    while (*place != NULL && (*place)->deadline_ms <= kept->deadline_ms) {
        place = &(*place)->next;
    }
    kept->next = *place;
    *place = kept;
    set_timer(silence);
}

static void set_up(void *argument)
{
    struct silence *silence = argument;
    silence->timer = evtimer_new(loop_base(silence->loop), on_timer, silence);
    if (silence->timer == NULL) {
        abort();
    }
}

struct silence *silence_new(struct loop *loop)
{
    struct silence *silence = calloc(1, sizeof *silence);
    if (silence == NULL) {
        abort();
    }
    silence->loop = loop;
    loop_run(loop, set_up, silence);
    return silence;
}

static void tear_down(void *argument)
{
    struct silence *silence = argument;
    assert(silence->first == NULL);
    event_free(silence->timer);
}

void silence_free(struct silence **silence)
{
    loop_run((*silence)->loop, tear_down, *silence);
    free(*silence);
    *silence = NULL;
}
