/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects free_count, free_kib */
static pthread_cond_t freed;
static long free_count;
static long free_kib = ARGON_KIB;

static void set_up(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&freed, &attributes);
    pthread_condattr_destroy(&attributes);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    free_count = processors > 0 ? processors : 1;
}

bool hash_gate_enter(long kib, int wait_ms)
{
    const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, wait_ms);
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    bool in_time = true;
    while (in_time && (free_count == 0 || free_kib < kib)) {
        in_time = pthread_cond_timedwait(&freed, &lock, &until) != ETIMEDOUT;
    }
    bool enters = free_count > 0 && free_kib >= kib;
    if (enters) {
        free_count--;
        free_kib -= kib;
    }
    pthread_mutex_unlock(&lock);
    return enters;
}

void hash_gate_leave(long kib)
{
    pthread_mutex_lock(&lock);
    free_count++;
    free_kib += kib;
    pthread_cond_broadcast(&freed);
    pthread_mutex_unlock(&lock);
}
