/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 10,
    WORKERS = 2,    /* fewer running callbacks leave one idle: libmilter's MIN_WORKERS */
    CALLS_MAX = 16, /* connections at a time */
};

static atomic_uint begun; /* callbacks */
static atomic_uint ended;
static atomic_uint hung_up; /* connections that said nothing */
static atomic_bool unwatched;

/* Const after pool_watch. */
static struct sockaddr_storage address;
static socklen_t address_length;

void pool_enter(void)
{
    atomic_fetch_add(&begun, 1);
}

void pool_leave(void)
{
    atomic_fetch_add(&ended, 1);
}

void pool_hang_up(void)
{
    atomic_fetch_add(&hung_up, 1);
}

unsigned pool_running(void)
{
    unsigned behind = atomic_load(&ended); /* read first: never more than begun */
    return atomic_load(&begun) - behind;
}

/* Connecting to an address of this host does not wait. A call that does not come through
 * is never served, so others follow. */
static void call_and_hang_up(void)
{
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)connect(fd, (const struct sockaddr *)&address, address_length);
        close(fd);
    }
}

/* What was seen at the last look. */
struct seen {
    unsigned begun, ended;
    unsigned calls;   /* that were made last, since callbacks run and none ends */
    unsigned awaited; /* hung_up, when all calls have been served */
};

static bool are_served(const struct seen *seen)
{
    return (int)(atomic_load(&hung_up) - seen->awaited) >= 0;
}

/* A worker that served a call has taken what still lay there. When no callback has begun by
 * that, nothing did; what comes to lie there later comes with one that begins. Where
 * callbacks begin by it, many of them may wait again: twice as many calls. */
static unsigned calls_wanted(const struct seen *seen, unsigned begun_now)
{
    if (seen->calls == 0) {
        return 1;
    }
    if (begun_now == seen->begun) {
        return are_served(seen) ? 0 : 1;
    }
    return seen->calls < CALLS_MAX ? seen->calls * 2 : CALLS_MAX;
}

static void look(struct seen *seen)
{
    unsigned begun_now = atomic_load(&begun);
    unsigned ended_now = atomic_load(&ended);
    if (ended_now != seen->ended || pool_running() < WORKERS) {
        *seen = (struct seen){.begun = begun_now, .ended = ended_now};
        return;
    }
    unsigned wanted = calls_wanted(seen, begun_now);
    seen->begun = begun_now;
    if (wanted == 0) {
        return;
    }
    seen->awaited = (are_served(seen) ? atomic_load(&hung_up) : seen->awaited) + wanted;
    seen->calls = wanted;
    for (unsigned i = 0; i < wanted; i++) {
        call_and_hang_up();
    }
}

static void *watch(void *unused)
{
    (void)unused;
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    struct seen seen = {0};
    while (!atomic_load(&unwatched)) {
        nanosleep(&pause, NULL);
        look(&seen);
    }
    return NULL;
}

bool pool_watch(int socket, struct error *error)
{
    pthread_t thread;
    address_length = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &address_length) != 0) {
        return error_set(error, ERROR_SYSTEM, "the listening socket has no address");
    }
    int result = pthread_create(&thread, NULL, watch, NULL);
    if (result != 0) {
        return error_set(error, ERROR_SYSTEM, "cannot start the thread that watches: %s",
                         strerror(result));
    }
    pthread_setname_np(thread, "pool");
    pthread_detach(thread);
    return true;
}

void pool_unwatch(void)
{
    atomic_store(&unwatched, true);
}
