/* SPDX-License-Identifier: MIT */
/* The other end of a connection, played by a test. Every wait for the client has a limit,
 * LIMIT_MS; PATIENT_MS is far above what a test may last, so a question that ends did not
 * end by its timeout. */
#ifndef FOREGATE_TESTS_PEER_H
#define FOREGATE_TESTS_PEER_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 20 * 1000, PATIENT_MS = 3600 * 1000, SHORT_MS = 200 };

static inline void await_readable(int descriptor)
{
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    assert_int_equal(poll(&entry, 1, LIMIT_MS), 1);
}

static inline int accept_from(int listener)
{
    await_readable(listener);
    int peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    return peer;
}

static inline bool is_quiet(int descriptor)
{
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    return poll(&entry, 1, 0) == 0;
}

/* The client may have closed it. */
static inline void say(int peer, const char *text)
{
    ssize_t sent = send(peer, text, strlen(text), MSG_NOSIGNAL);
    (void)sent;
}

static inline void await_close(int peer)
{
    char byte;
    await_readable(peer);
    assert_true(recv(peer, &byte, 1, 0) <= 0);
    close(peer);
}

#endif
