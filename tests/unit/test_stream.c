/* SPDX-License-Identifier: MIT */
#include "io/stream.h"
#include "io/tls.h"

#include "tls_server.h"

#include <signal.h>
#include <string.h>

enum { ALL = 1 << 20, MINUTE = 60 };

static const char name[] = "quota.example.test";
static struct authority authority;
static time_t shift; /* of the clock, forward */

/* In place of libc's, for us and for OpenSSL. */
time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_t shown = now.tv_sec + shift;
    if (result != NULL) {
        *result = shown;
    }
    return shown;
}

static struct tls_peer *make_peer(void)
{
    struct error error;
    const struct tls_settings settings = {.name = name, .ca = authority.path};
    struct tls_peer *peer = tls_peer_new(&settings, &error);
    assert_non_null(peer);
    return peer;
}

/* Until both are through, or the client failed. */
static enum stream_result shake_hands(struct stream *stream, struct tls_server *server,
                                      struct error *error)
{
    for (;;) {
        enum stream_result result = stream_handshake(stream, error);
        if (result == STREAM_FAILED) {
            return result;
        }
        server_hear(server);
        int done = SSL_do_handshake(server->ssl);
        if (result == STREAM_DONE) {
            assert_int_equal(done, 1);
            return result;
        }
        assert_int_equal(result, STREAM_WAIT_READ);
        assert_true(server_send(server, ALL) > 0);
    }
}

static void open_stream(struct stream *stream, struct tls_server *server,
                        struct tls_peer *peer)
{
    struct error error;
    stream_open(stream, server_accept(server), peer);
    if (shake_hands(stream, server, &error) != STREAM_DONE) {
        fail_msg("%s", error.text);
    }
}

static void expect_read(struct stream *stream, const char *text)
{
    struct error error;
    char bytes[100];
    size_t count = 0;
    assert_int_equal(stream_read(stream, bytes, sizeof bytes, &count, &error), STREAM_DONE);
    assert_int_equal(count, strlen(text));
    assert_memory_equal(bytes, text, count);
}

static void expect_no_read(struct stream *stream, enum stream_result want)
{
    struct error error;
    char bytes[100];
    size_t count = 1;
    assert_int_equal(stream_read(stream, bytes, sizeof bytes, &count, &error), want);
    assert_int_equal(count, 0);
}

static void expect_heard(struct stream *stream, struct tls_server *server, const char *text)
{
    struct error error;
    char bytes[100];
    size_t count = 0;
    assert_int_equal(stream_write(stream, text, strlen(text), &count, &error), STREAM_DONE);
    assert_int_equal(count, strlen(text));
    server_hear(server);
    assert_int_equal(SSL_read(server->ssl, bytes, sizeof bytes), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void test_plain(void **unused)
{
    (void)unused;
    struct stream stream;
    struct error error;
    int ends[2];
    size_t count = 0;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    stream_open(&stream, ends[0], NULL);
    assert_int_equal(stream_handshake(&stream, &error), STREAM_DONE);
    assert_true(stream_is_quiet(&stream));
    assert_false(stream_is_amid(&stream));
    expect_no_read(&stream, STREAM_WAIT_READ);
    assert_int_equal(send(ends[1], "abc", 3, 0), 3);
    assert_false(stream_is_quiet(&stream));
    expect_read(&stream, "abc");
    assert_true(stream_is_quiet(&stream));

    static const char much[1 << 20];
    assert_int_equal(stream_write(&stream, much, sizeof much, &count, &error), STREAM_DONE);
    assert_in_range(count, 1, sizeof much - 1);
    while (stream_write(&stream, much, sizeof much, &count, &error) == STREAM_DONE) {
    }
    assert_int_equal(stream_write(&stream, much, 1, &count, &error), STREAM_WAIT_WRITE);
    close(ends[1]);
    assert_false(stream_is_quiet(&stream));
    expect_no_read(&stream, STREAM_CLOSED);
    assert_int_equal(stream_write(&stream, much, 1, &count, &error), STREAM_CLOSED);
    stream_close(&stream);
}

static void test_dialogue(void **unused)
{
    (void)unused;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct tls_server server;
        struct stream stream;
        struct tls_peer *peer = make_peer();
        server_init(&server, &authority, name, versions[i], MINUTE);
        open_stream(&stream, &server, peer);
        expect_no_read(&stream, STREAM_WAIT_READ);
        expect_heard(&stream, &server, "question");
        server_say(&server, "ans");
        server_say(&server, "wer");
        server_send(&server, ALL);
        assert_false(stream_is_quiet(&stream));
        expect_read(&stream, "ans");
        assert_false(stream_is_quiet(&stream));
        expect_read(&stream, "wer");
        assert_true(stream_is_quiet(&stream));

        /* Byte by byte. */
        server_say(&server, "slow");
        while (BIO_pending(server.said) > 1) {
            server_send(&server, 1);
            expect_no_read(&stream, STREAM_WAIT_READ);
        }
        server_send(&server, 1);
        expect_read(&stream, "slow");
        stream_close(&stream);
        server_hear(&server);
        char byte;
        assert_int_equal(SSL_read(server.ssl, &byte, 1), 0);
        assert_int_equal(SSL_get_shutdown(server.ssl), SSL_RECEIVED_SHUTDOWN);
        server_hang_up(&server);
        server_deinit(&server);
        tls_peer_free(&peer);
    }
}

static void test_full_socket(void **unused)
{
    (void)unused;
    static char much[1 << 20];
    struct tls_server server;
    struct stream stream;
    struct error error;
    struct tls_peer *peer = make_peer();
    server_init(&server, &authority, name, TLS1_3_VERSION, MINUTE);
    open_stream(&stream, &server, peer);
    server_send(&server, ALL);
    for (size_t i = 0; i < sizeof much; i++) {
        much[i] = (char)i;
    }
    size_t sent = 0;
    size_t heard = 0;
    bool waited = false;
    while (heard < sizeof much) {
        size_t count = 0;
        enum stream_result result =
            sent < sizeof much
                ? stream_write(&stream, much + sent, sizeof much - sent, &count, &error)
                : STREAM_WAIT_WRITE;
        sent += count;
        if (result == STREAM_DONE) {
            continue;
        }
        assert_int_equal(result, STREAM_WAIT_WRITE);
        waited = waited || sent < sizeof much;
        /* In between the answer may be read. */
        expect_no_read(&stream, STREAM_WAIT_READ);
        server_hear(&server);
        char bytes[16384];
        int got = 0;
        while ((got = SSL_read(server.ssl, bytes, sizeof bytes)) > 0) {
            assert_memory_equal(bytes, much + heard, (size_t)got);
            heard += (size_t)got;
        }
    }
    assert_true(waited);
    stream_close(&stream);
    server_hang_up(&server);
    server_deinit(&server);
    tls_peer_free(&peer);
}

/* What TLS says for itself on an idle connection is no answer and no end. */
static void test_tickets_and_keys_while_idle(void **unused)
{
    (void)unused;
    struct tls_server server;
    struct stream stream;
    struct tls_peer *peer = make_peer();
    server_init(&server, &authority, name, TLS1_3_VERSION, MINUTE);
    open_stream(&stream, &server, peer);
    server_send(&server, ALL); /* the first tickets */
    assert_true(stream_is_quiet(&stream));
    assert_false(stream_is_amid(&stream));

    assert_int_equal(SSL_new_session_ticket(server.ssl), 1);
    assert_int_equal(SSL_do_handshake(server.ssl), 1);
    for (size_t sent = 1; server_send(&server, 1) > 0; sent++) {
        assert_true(stream_is_quiet(&stream)); /* also with the head alone, 5 bytes */
        if (stream_is_amid(&stream) != (BIO_pending(server.said) > 0)) {
            fail_msg("after %zu bytes", sent);
        }
    }

    assert_int_equal(SSL_key_update(server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(server.ssl), 1);
    assert_true(server_send(&server, ALL) > 0);
    assert_true(stream_is_quiet(&stream));
    assert_false(stream_is_amid(&stream));
    expect_heard(&stream, &server, "question"); /* with new keys of ours before it */
    server_say(&server, "answer");
    server_send(&server, ALL);
    expect_read(&stream, "answer");

    /* What is no answer, however slowly it comes. */
    server_say(&server, "x");
    while (BIO_pending(server.said) > 1) {
        server_send(&server, 1);
        assert_true(stream_is_quiet(&stream));
        assert_true(stream_is_amid(&stream));
    }
    server_send(&server, 1);
    assert_false(stream_is_quiet(&stream));
    stream_close(&stream);
    server_hang_up(&server);
    server_deinit(&server);
    tls_peer_free(&peer);
}

enum ending { GOODBYE, END, ALERT, RUBBISH };

static void end(struct tls_server *server, enum ending ending)
{
    static const char rubbish[] = "\x17\x03\x03\x00\x20 neither this nor that, but 32...";
    switch (ending) {
    case GOODBYE:
        assert_int_equal(SSL_shutdown(server->ssl), 0);
        server_send(server, ALL);
        break;
    case END:
        server_hang_up(server);
        break;
    case ALERT:
        assert_true(send(server->socket, "\x15\x03\x03\x00\x02\x02\x28", 7, 0) == 7);
        break;
    case RUBBISH:
        assert_true(send(server->socket, rubbish, 37, 0) == 37);
        break;
    }
}

static void test_ends(void **unused)
{
    (void)unused;

    static const enum stream_result wants[] = {[GOODBYE] = STREAM_CLOSED,
                                               [END] = STREAM_CLOSED,
                                               [ALERT] = STREAM_FAILED,
                                               [RUBBISH] = STREAM_FAILED};

    for (enum ending ending = GOODBYE; ending <= RUBBISH; ending++) {
        for (int is_looked_at = 0; is_looked_at < 2; is_looked_at++) {
            struct tls_server server;
            struct stream stream;
            struct tls_peer *peer = make_peer();
            server_init(&server, &authority, name, TLS1_3_VERSION, MINUTE);
            open_stream(&stream, &server, peer);
            server_send(&server, ALL);
            assert_true(stream_is_quiet(&stream));
            end(&server, ending);
            if (is_looked_at != 0) {
                assert_false(stream_is_quiet(&stream));
            } else {
                expect_no_read(&stream, wants[ending]);
            }
            stream_close(&stream);
            server_hang_up(&server);
            server_deinit(&server);
            tls_peer_free(&peer);
        }
    }
}

static void test_no_renegotiation(void **unused)
{
    (void)unused;
    struct tls_server server;
    struct stream stream;
    struct tls_peer *peer = make_peer();
    server_init(&server, &authority, name, TLS1_2_VERSION, MINUTE);
    open_stream(&stream, &server, peer);
    server_send(&server, ALL);
    assert_true(stream_is_quiet(&stream));
    assert_int_equal(SSL_renegotiate(server.ssl), 1);
    SSL_do_handshake(server.ssl);
    assert_true(server_send(&server, ALL) > 0);
    assert_true(stream_is_quiet(&stream));
    char bytes[1024];
    assert_true(recv(server.socket, bytes, sizeof bytes, 0) > 0);
    assert_int_equal(bytes[0], 21); /* an alert, no greeting (22) */
    stream_close(&stream);
    server_hang_up(&server);
    server_deinit(&server);
    tls_peer_free(&peer);
}

static void test_sessions(void **unused)
{
    (void)unused;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct tls_server server;
        struct stream stream;
        struct error error;
        struct tls_peer *peer = make_peer();
        server_init(&server, &authority, name, versions[i], 10 * MINUTE);
        for (int turn = 0; turn < 4; turn++) {
            shift = turn * 3 * MINUTE;
            open_stream(&stream, &server, peer);
            assert_int_equal(SSL_session_reused(server.ssl), turn > 0);
            server_send(&server, ALL);
            assert_true(stream_is_quiet(&stream));
            stream_close(&stream);
            server_hang_up(&server);
        }
        /* Who resumes a session shows no certificate, and could go on for ever. */
        shift = 11 * MINUTE;
        stream_open(&stream, server_accept(&server), peer);
        assert_int_equal(shake_hands(&stream, &server, &error), STREAM_FAILED);
        assert_non_null(strstr(error.text, "certificate of quota.example.test: "
                                           "certificate has expired (notAfter="));
        stream_close(&stream);
        server_hang_up(&server);
        server_deinit(&server);
        tls_peer_free(&peer);
        shift = 0;
    }
}

/* One that was already open goes on. */
static void test_certificate_ends_while_open(void **unused)
{
    (void)unused;
    struct tls_server server;
    struct stream stream;
    struct tls_peer *peer = make_peer();
    server_init(&server, &authority, name, TLS1_3_VERSION, 10 * MINUTE);
    open_stream(&stream, &server, peer);
    server_send(&server, ALL);
    shift = 11 * MINUTE;
    assert_true(stream_is_quiet(&stream));
    expect_heard(&stream, &server, "question");
    server_say(&server, "answer");
    server_send(&server, ALL);
    expect_read(&stream, "answer");
    shift = 0;
    stream_close(&stream);
    server_hang_up(&server);
    server_deinit(&server);
    tls_peer_free(&peer);
}

/* Names in certificates are the other end's words. */
static void test_odd_names(void **unused)
{
    (void)unused;
    char long_name[65];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *const names[] = {"a\nwarning forged line", "\x1b[31mred", "%s%n",
                                 long_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct tls_server server;
        struct stream stream;
        struct error error;
        struct tls_peer *peer = make_peer();
        server_init(&server, &authority, names[i], TLS1_3_VERSION, MINUTE);
        stream_open(&stream, server_accept(&server), peer);
        assert_int_equal(shake_hands(&stream, &server, &error), STREAM_FAILED);
        assert_non_null(
            strstr(error.text, "hostname mismatch, wanted is quota.example.test"));
        assert_true(strlen(error.text) < 256);
        for (const char *at = error.text; *at != '\0'; at++) {
            assert_true((unsigned char)*at >= ' ');
        }
        stream_close(&stream);
        server_hang_up(&server);
        server_deinit(&server);
        tls_peer_free(&peer);
    }
}

static void test_result_names(void **unused)
{
    (void)unused;
    assert_string_equal(stream_result_name(STREAM_DONE), "done");
    assert_string_equal(stream_result_name(STREAM_WAIT_READ), "wait-read");
    assert_string_equal(stream_result_name(STREAM_WAIT_WRITE), "wait-write");
    assert_string_equal(stream_result_name(STREAM_CLOSED), "closed");
    assert_string_equal(stream_result_name(STREAM_FAILED), "failed");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    authority_init(&authority);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_dialogue),
        cmocka_unit_test(test_full_socket),
        cmocka_unit_test(test_tickets_and_keys_while_idle),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_renegotiation),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_certificate_ends_while_open),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_result_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    authority_deinit(&authority);
    return failed;
}
