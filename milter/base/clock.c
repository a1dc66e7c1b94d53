/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <time.h>

/* Both written by one thread, while others wait for it. */
static atomic_bool stopped;
static atomic_int_least64_t monotonic_ms, epoch_ms;

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
    return atomic_load_explicit(&stopped, memory_order_relaxed)
               ? atomic_load_explicit(&monotonic_ms, memory_order_relaxed)
               : read_ms(CLOCK_MONOTONIC);
}

struct timespec clock_after_ms(clockid_t clock, int ms)
{
    struct timespec then;
    clock_gettime(clock, &then);
    then.tv_sec += ms / 1000;
    then.tv_nsec += ms % 1000 * 1000000L;
    if (then.tv_nsec >= 1000000000L) {
        then.tv_sec++;
        then.tv_nsec -= 1000000000L;
    }
    return then;
}

int64_t clock_seconds(void)
{
    int64_t ms = atomic_load_explicit(&stopped, memory_order_relaxed)
                     ? atomic_load_explicit(&epoch_ms, memory_order_relaxed)
                     : read_ms(CLOCK_REALTIME);
    return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

void clock_stop(int64_t seconds)
{
    atomic_store(&monotonic_ms, read_ms(CLOCK_MONOTONIC));
    atomic_store(&epoch_ms, seconds * 1000);
    atomic_store(&stopped, true);
}

void clock_go(void)
{
    atomic_store(&stopped, false);
}

bool clock_is_stopped(void)
{
    return atomic_load_explicit(&stopped, memory_order_relaxed);
}

void clock_advance(int64_t ms)
{
    assert(clock_is_stopped() && ms >= 0);
    atomic_fetch_add(&monotonic_ms, ms);
    atomic_fetch_add(&epoch_ms, ms);
}

void clock_set(int64_t seconds)
{
    int64_t ms = seconds * 1000 - atomic_load(&epoch_ms);
    if (ms > 0) {
        clock_advance(ms);
    } else {
        atomic_store(&epoch_ms, seconds * 1000);
    }
}

double clock_elapsed_ms(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - since->tv_sec) * 1e3 +
           (double)(now.tv_nsec - since->tv_nsec) / 1e6;
}
