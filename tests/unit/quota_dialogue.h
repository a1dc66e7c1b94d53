/* SPDX-License-Identifier: MIT */
/* Both ends of a dialogue with quota-status: questions are asked by threads, and the test
 * plays the server, step by step. */
#ifndef FOREGATE_TESTS_QUOTA_DIALOGUE_H
#define FOREGATE_TESTS_QUOTA_DIALOGUE_H

#include "io/loop.h"
#include "io/request.h"
#include "peer.h"
#include "quota/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define FULL "552 5.2.2 Mailbox is full"

struct fixture {
    struct loop *loop;
    struct quota_client *client;
    int listener;
    int port;          /* 0: any */
    char service[128]; /* empty: at the port of 127.0.0.1 */
};

struct ask {
    struct quota_request request;
    struct loop *loop;
    pthread_t thread;
};

static inline void listen_inet(struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fixture->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int yes = 1;
    fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fixture->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fixture->listener, 64), 0);
    getsockname(fixture->listener, (struct sockaddr *)&address, &length);
    fixture->port = ntohs(address.sin_port);
}

static inline void start_client(struct fixture *fixture, int connections, int idle_ms)
{
    struct error error;
    if (fixture->service[0] == '\0') {
        snprintf(fixture->service, sizeof fixture->service, "inet:127.0.0.1:%d",
                 fixture->port);
    }
    const struct quota_client_settings settings = {.service = fixture->service,
                                                   .timeout_ms = PATIENT_MS,
                                                   .connections = connections,
                                                   .idle_ms = idle_ms};
    fixture->loop = loop_start(&error);
    assert_non_null(fixture->loop);
    fixture->client = quota_client_new(fixture->loop, &settings, &error);
    assert_non_null(fixture->client);
}

static inline void start(struct fixture *fixture, int connections)
{
    *fixture = (struct fixture){0};
    listen_inet(fixture);
    start_client(fixture, connections, 0);
}

static inline void stop(struct fixture *fixture)
{
    quota_client_free(&fixture->client);
    loop_stop(&fixture->loop);
    if (fixture->listener >= 0) {
        close(fixture->listener);
    }
}

static inline void *ask_main(void *argument)
{
    struct ask *ask = argument;
    request_wait(ask->loop, (struct request *[]){&ask->request.request}, 1);
    return NULL;
}

/* timeout_ms 0: patient. */
static inline void prepare(struct fixture *fixture, struct ask *ask, const char *mailbox,
                           int timeout_ms)
{
    quota_request_init(&ask->request, fixture->client, mailbox, 1000);
    assert_int_equal(ask->request.request.timeout_ms, PATIENT_MS);
    ask->request.request.timeout_ms = timeout_ms > 0 ? timeout_ms : PATIENT_MS;
    ask->loop = fixture->loop;
}

static inline void ask_go(struct ask *ask)
{
    assert_int_equal(pthread_create(&ask->thread, NULL, ask_main, ask), 0);
}

static inline void ask_begin(struct fixture *fixture, struct ask *ask, const char *mailbox,
                             int timeout_ms)
{
    prepare(fixture, ask, mailbox, timeout_ms);
    ask_go(ask);
}

static inline void expect_fits(struct ask *ask)
{
    pthread_join(ask->thread, NULL);
    if (!ask->request.request.ok) {
        fail_msg("cannot tell: %s", ask->request.request.error.text);
    }
    assert_int_equal(ask->request.result, QUOTA_FITS);
    assert_string_equal(ask->request.text, "");
}

static inline void expect_over(struct ask *ask, const char *text)
{
    pthread_join(ask->thread, NULL);
    assert_true(ask->request.request.ok);
    assert_int_equal(ask->request.result, QUOTA_OVER);
    assert_string_equal(ask->request.text, text);
}

static inline void check_failure(const struct request *request, enum error_kind kind,
                                 const char *part)
{
    assert_false(request->ok);
    if (request->error.kind != kind || strstr(request->error.text, part) == NULL) {
        fail_msg("%s: %s", error_kind_name(request->error.kind), request->error.text);
    }
}

static inline void expect_failure(struct ask *ask, enum error_kind kind, const char *part)
{
    pthread_join(ask->thread, NULL);
    check_failure(&ask->request.request, kind, part);
}

/* Asked and refused with no server taking part. */
static inline void expect_refusal(struct fixture *fixture, const char *mailbox,
                                  enum error_kind kind, const char *part)
{
    struct quota_request request;
    quota_request_init(&request, fixture->client, mailbox, 1);
    request_wait(fixture->loop, (struct request *[]){&request.request}, 1);
    check_failure(&request.request, kind, part);
}

static inline int accept_peer(struct fixture *fixture)
{
    return accept_from(fixture->listener);
}

static inline void read_question(int peer, const char *mailbox)
{
    char expected[2048];
    char got[2048];
    int length = snprintf(expected, sizeof expected,
                          "request=smtpd_access_policy\nprotocol_state=RCPT\n"
                          "protocol_name=ESMTP\nrecipient=%s\nsize=1000\n\n",
                          mailbox);
    for (int done = 0; done < length;) {
        await_readable(peer);
        ssize_t part = recv(peer, got + done, (size_t)(length - done), 0);
        assert_true(part > 0);
        done += (int)part;
    }
    assert_memory_equal(got, expected, (size_t)length);
}

/* One question on a new connection, answered. */
static inline int converse(struct fixture *fixture, const char *mailbox)
{
    struct ask ask;
    ask_begin(fixture, &ask, mailbox, 0);
    int peer = accept_peer(fixture);
    read_question(peer, mailbox);
    say(peer, "action=DUNNO\n\n");
    expect_fits(&ask);
    return peer;
}

/* One question on a connection that is open already, answered. */
static inline void converse_again(struct fixture *fixture, int peer, const char *mailbox)
{
    struct ask ask;
    ask_begin(fixture, &ask, mailbox, 0);
    read_question(peer, mailbox);
    say(peer, "action=DUNNO\n\n");
    expect_fits(&ask);
    assert_true(is_quiet(fixture->listener));
}

#endif
