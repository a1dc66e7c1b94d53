/* SPDX-License-Identifier: MIT */
/* An HTTP server on loopback for tests in C: to /N it says what the test has for that
 * number. One a test program. */
#ifndef FOREGATE_TESTS_HTTP_SERVER_H
#define FOREGATE_TESTS_HTTP_SERVER_H

#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SERVER_LIMIT_MS = 10000 };

/* The test's. NULL: silence. goes_on: false when the server is to hang up behind it. */
static const char *server_answer(size_t number, bool *goes_on);

/* One thread a connection; each lives until its peer hangs up. */
struct server {
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t lock; /* protects the next three */
    char heard[4096];     /* the last request */
    int connection_count;
    int open_count;
};

static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline bool hear(int peer, char *bytes, size_t size)
{
    size_t used = 0;
    for (;;) {
        ssize_t got = recv(peer, bytes + used, size - 1 - used, 0);
        if (got <= 0) {
            return false;
        }
        used += (size_t)got;
        bytes[used] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        const char *length = strcasestr(bytes, "content-length: ");
        if (end != NULL &&
            (length == NULL || strlen(end + 4) >= strtoul(length + 16, NULL, 10))) {
            return true;
        }
    }
}

static inline void *serve(void *argument)
{
    int peer = *(int *)argument;
    free(argument);
    char bytes[4096];
    bool goes_on = true;
    while (goes_on && hear(peer, bytes, sizeof bytes)) {
        pthread_mutex_lock(&server.lock);
        memcpy(server.heard, bytes, sizeof bytes);
        pthread_mutex_unlock(&server.lock);
        size_t number = strtoul(strchr(bytes, '/') + 1, NULL, 10);
        const char *answer = server_answer(number, &goes_on);
        if (answer != NULL) {
            send(peer, answer, strlen(answer), MSG_NOSIGNAL);
        }
    }
    close(peer);
    pthread_mutex_lock(&server.lock);
    server.open_count--;
    pthread_mutex_unlock(&server.lock);
    return NULL;
}

static inline void *accept_all(void *unused)
{
    (void)unused;
    int peer;
    while ((peer = accept(server.listener, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&server.lock);
        server.connection_count++;
        server.open_count++;
        pthread_mutex_unlock(&server.lock);
        pthread_t thread;
        int *argument = malloc(sizeof peer);
        *argument = peer;
        assert_int_equal(pthread_create(&thread, NULL, serve, argument), 0);
        pthread_detach(thread);
    }
    return NULL;
}

static inline int start_server(void **unused)
{
    (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server.listener, 64), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
    server.port = ntohs(address.sin_port);
    return pthread_create(&server.thread, NULL, accept_all, NULL);
}

static inline int stop_server(void **unused)
{
    (void)unused;
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    return 0;
}

static inline int server_count(const int *count)
{
    pthread_mutex_lock(&server.lock);
    int value = *count;
    pthread_mutex_unlock(&server.lock);
    return value;
}

static inline void wait_count(const int *count, int wanted)
{
    int64_t end_ms = clock_monotonic_ms() + SERVER_LIMIT_MS;
    while (server_count(count) != wanted) {
        assert_true(clock_monotonic_ms() < end_ms);
        poll(NULL, 0, 5);
    }
}

#endif
