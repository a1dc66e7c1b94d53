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
    CALLS_MAX = 64, /* connections at a time */
};

static atomic_int running;
static atomic_uint ended;
static atomic_bool unwatched;

/* Const after pool_watch. */
static struct sockaddr_storage address;
static socklen_t address_length;

void pool_enter(void)
{
    atomic_fetch_add(&running, 1);
}

void pool_leave(void)
{
    atomic_fetch_add(&ended, 1);
    atomic_fetch_sub(&running, 1);
}

int pool_running(void)
{
    return atomic_load(&running);
}

/* Connecting to an address of this host does not wait; where the queue of the socket is
 * full, connections come anyway. */
static void call_and_hang_up(void)
{
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)connect(fd, (const struct sockaddr *)&address, address_length);
        close(fd);
    }
}

/* Each look that sees no end makes twice as many: of the connections that wait, many may be
 * such that wait again. */
static void *watch(void *unused)
{
    (void)unused;
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    unsigned ended_before = atomic_load(&ended);
    int calls = 1;
    while (!atomic_load(&unwatched)) {
        nanosleep(&pause, NULL);
        unsigned ended_now = atomic_load(&ended);
        bool stuck = ended_now == ended_before && atomic_load(&running) >= WORKERS;
        ended_before = ended_now;
        for (int i = 0; stuck && i < calls && !atomic_load(&unwatched); i++) {
            call_and_hang_up();
        }
        calls = !stuck ? 1 : calls < CALLS_MAX ? calls * 2 : calls;
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
