/* SPDX-License-Identifier: MIT */
/* What a kept-open connection with TLS makes of bytes that come while nobody asks. */
#include "quota_dialogue.h"
#include "tls_server.h"

#include "base/log.h"

#include <netinet/tcp.h>

static const char name[] = "quota.example.test";
static struct authority authority;

static void start_tls(struct fixture *fixture, struct tls_server *server)
{
    struct error error;
    *fixture = (struct fixture){0};
    server_init(server, &authority, name, TLS1_3_VERSION, 60);
    listen_inet(fixture);
    snprintf(fixture->service, sizeof fixture->service, "tls:127.0.0.1:%d", fixture->port);
    const struct quota_client_settings settings = {.service = fixture->service,
                                                   .timeout_ms = PATIENT_MS,
                                                   .connections = 1,
                                                   .tls_name = name,
                                                   .tls_ca = authority.path};
    fixture->loop = loop_start(&error);
    fixture->client = quota_client_new(fixture->loop, &settings, &error);
    if (fixture->client == NULL) {
        fail_msg("%s", error.text);
    }
}

/* What it says arrives when it is said. */
static void take_peer(struct fixture *fixture, struct tls_server *server)
{
    int yes = 1;
    int peer = accept_peer(fixture);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    server_take(server, peer);
}

/* Lets all go that the server said, and waits for more from the client. */
static void turn(struct tls_server *server)
{
    server_send(server, SIZE_MAX);
    await_readable(server->socket);
    assert_true(server_hear(server) > 0);
}

static void hear_question(struct tls_server *server, const char *mailbox)
{
    char question[2048];
    int length = 0;
    while ((length = SSL_read(server->ssl, question, sizeof question - 1)) <= 0) {
        assert_int_equal(SSL_get_error(server->ssl, length), SSL_ERROR_WANT_READ);
        turn(server);
    }
    question[length] = '\0';
    assert_non_null(strstr(question, mailbox));
}

static void answer(struct tls_server *server, struct ask *ask, const char *mailbox)
{
    hear_question(server, mailbox);
    server_say(server, "action=DUNNO\n\n");
    server_send(server, SIZE_MAX);
    expect_fits(ask);
}

static void converse_tls(struct fixture *fixture, struct tls_server *server,
                         const char *mailbox)
{
    struct ask ask;
    ask_begin(fixture, &ask, mailbox, 0);
    take_peer(fixture, server);
    answer(server, &ask, mailbox);
}

static void converse_tls_again(struct fixture *fixture, struct tls_server *server,
                               const char *mailbox)
{
    struct ask ask;
    ask_begin(fixture, &ask, mailbox, 0);
    answer(server, &ask, mailbox);
    assert_true(is_quiet(fixture->listener));
}

static void on_loop(void *unused)
{
    (void)unused;
}

/* The loop has seen what was sent: it looks at sockets between two turns. */
static void let_loop_look(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++) {
        loop_run(fixture->loop, on_loop, NULL);
    }
}

static void say_ticket(struct tls_server *server)
{
    assert_int_equal(SSL_new_session_ticket(server->ssl), 1);
    assert_int_equal(SSL_do_handshake(server->ssl), 1);
}

static void test_ticket_is_no_end(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct tls_server server;
    start_tls(&fixture, &server);
    converse_tls(&fixture, &server, "a@example.test");
    for (int i = 0; i < 3; i++) {
        say_ticket(&server);
        while (server_send(&server, 1) > 0) {
            let_loop_look(&fixture);
        }
        converse_tls_again(&fixture, &server, "b@example.test");
    }
    /* Both arrive together. */
    struct ask ask;
    say_ticket(&server);
    ask_begin(&fixture, &ask, "c@example.test", 0);
    answer(&server, &ask, "c@example.test");
    assert_true(is_quiet(fixture.listener));
    stop(&fixture);
    server_hang_up(&server);
    server_deinit(&server);
}

/* It might become the answer to a question that it was not given for. */
static void test_part_of_a_record_is_not_asked_behind(void **unused)
{
    (void)unused;
    static const size_t parts[] = {1, 5, 6, 20};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct fixture fixture;
        struct tls_server server;
        struct tls_server other;
        start_tls(&fixture, &server);
        converse_tls(&fixture, &server, "a@example.test");
        server_say(&server, "action=" FULL "\n\n");
        assert_int_equal(server_send(&server, parts[i]), parts[i]);
        let_loop_look(&fixture);
        server_init(&other, &authority, name, TLS1_3_VERSION, 60);
        converse_tls(&fixture, &other, "b@example.test");
        stop(&fixture);
        server_hang_up(&server);
        server_hang_up(&other);
        server_deinit(&server);
        server_deinit(&other);
    }
}

static void test_extra_bytes_close(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct tls_server server;
    start_tls(&fixture, &server);
    converse_tls(&fixture, &server, "a@example.test");
    server_say(&server, "x");
    turn(&server); /* it says goodbye */
    char byte;
    assert_int_equal(SSL_read(server.ssl, &byte, 1), 0);
    assert_int_equal(SSL_get_shutdown(server.ssl), SSL_RECEIVED_SHUTDOWN);
    server_hang_up(&server);

    /* In one record with the answer. */
    struct ask ask;
    ask_begin(&fixture, &ask, "b@example.test", 0);
    take_peer(&fixture, &server);
    hear_question(&server, "b@example.test");
    server_say(&server, "action=DUNNO\n\naction=" FULL "\n\n");
    server_send(&server, SIZE_MAX);
    expect_fits(&ask);
    server_hang_up(&server);
    converse_tls(&fixture, &server, "c@example.test");
    stop(&fixture);
    server_hang_up(&server);
    server_deinit(&server);
}

int main(void)
{
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    authority_init(&authority);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticket_is_no_end),
        cmocka_unit_test(test_part_of_a_record_is_not_asked_behind),
        cmocka_unit_test(test_extra_bytes_close),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    authority_deinit(&authority);
    return failed;
}
