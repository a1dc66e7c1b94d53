/* SPDX-License-Identifier: MIT */
#include "quota/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void on_readable(evutil_socket_t unused_socket, short unused_events, void *argument);
static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument);

static void close_socket(struct quota_connection *connection)
{
    if (connection->state == QUOTA_CONNECTION_CLOSED) {
        return;
    }
    event_free(connection->reader);
    event_free(connection->writer);
    stream_close(&connection->stream);
    connection->state = QUOTA_CONNECTION_CLOSED;
    connection->is_reused = false;
}

bool quota_connection_is_new(const struct quota_connection *connection)
{
    return connection->state == QUOTA_CONNECTION_CONNECTING ||
           connection->state == QUOTA_CONNECTION_HANDSHAKE;
}

struct quota_request *quota_connection_drop(struct quota_connection *connection)
{
    if (quota_connection_is_new(connection)) {
        /* Silent addresses must not hide a good one behind them: the next begins there. */
        connection->service->preferred =
            connection->first_address + connection->tried_count;
    }
    struct quota_request *question = connection->question;
    connection->question = NULL;
    close_socket(connection);
    return question;
}

static void watch(struct event *event, const struct timeval *timeout)
{
    if (event_add(event, timeout) != 0) {
        abort(); /* out of memory or of epoll watches: nothing would ever wake us */
    }
}

/* False: errno says why. */
static bool connect_address(struct quota_connection *connection,
                            const struct service_address *address)
{
    int made = service_connect(address);
    if (made < 0) {
        return false;
    }
    stream_open(&connection->stream, made, connection->tls);
    connection->reader =
        event_new(connection->base, made, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writer =
        event_new(connection->base, made, EV_WRITE, on_writable, connection);
    if (connection->reader == NULL || connection->writer == NULL) {
        abort();
    }
    connection->state = QUOTA_CONNECTION_CONNECTING;
    watch(connection->writer, NULL);
    return true;
}

/* Goes on with the next address; errno tells of the one before, if there was one. */
static void connect_next(struct quota_connection *connection)
{
    const struct service *service = connection->service;
    while (connection->tried_count < service->address_count) {
        size_t index =
            (connection->first_address + connection->tried_count) % service->address_count;
        connection->tried_count++;
        if (connect_address(connection, &service->addresses[index])) {
            return;
        }
    }
    /* What is wrong with TLS tells more than that nobody listens at another address. */
    struct error error = connection->failure;
    if (error.kind == ERROR_NONE) {
        error_set(&error, ERROR_REMOTE, "cannot connect: %m");
    }
    struct quota_request *question = connection->question;
    connection->question = NULL;
    quota_client_unreachable(question, &error);
}

static void connect_first(struct quota_connection *connection)
{
    connection->first_address = connection->service->preferred;
    connection->tried_count = 0;
    connection->failure.kind = ERROR_NONE;
    connect_next(connection);
}

/* Who is there is not whom we look for, or does not want us. */
static void give_up_address(struct quota_connection *connection, const struct error *error)
{
    connection->failure = *error;
    close_socket(connection);
    connect_next(connection);
}

/* Closes and reports. */
static void lose(struct quota_connection *connection, const struct error *error)
{
    struct quota_request *question = quota_connection_drop(connection);
    quota_client_lost(question, error);
}

/* The server closes a connection whenever it likes, for one when it restarts. If that
 * crossed our question, the question is not at fault and is asked again, once. */
static void hung_up(struct quota_connection *connection, const struct error *error)
{
    if (connection->is_reused && connection->input_length == 0) {
        close_socket(connection); /* the next one is new: it does not come here again */
        connect_first(connection);
        return;
    }
    lose(connection, error);
}

/* Whether there is something to go on with. If not, the socket is watched, or the
 * connection at its end. */
static bool has_gone_on(struct quota_connection *connection, enum stream_result result,
                        struct error *error)
{
    switch (result) {
    case STREAM_DONE:
        return true;
    case STREAM_WAIT_READ:
        return false; /* reader is always watched */
    case STREAM_WAIT_WRITE:
        watch(connection->writer, NULL);
        return false;
    case STREAM_CLOSED:
        error_set(error, ERROR_REMOTE, "quota-status closed the connection");
        hung_up(connection, error);
        return false;
    case STREAM_FAILED:
        break;
    }
    /* TLS 1.3 refuses a client only when that takes the handshake for done. */
    if (connection->is_reused || connection->input_length > 0) {
        hung_up(connection, error);
    } else {
        give_up_address(connection, error);
    }
    return false;
}

static bool is_sent(const struct quota_connection *connection)
{
    return connection->sent_length == connection->output_length;
}

static void send_question(struct quota_connection *connection)
{
    const char *rest = connection->output + connection->sent_length;
    size_t length = connection->output_length - connection->sent_length;
    size_t count = 0;
    struct error error;
    enum stream_result result =
        stream_write(&connection->stream, rest, length, &count, &error);
    if (has_gone_on(connection, result, &error)) {
        connection->sent_length += count;
        if (!is_sent(connection)) {
            watch(connection->writer, NULL);
        }
    }
}

static void take_answer(struct quota_connection *connection)
{
    struct quota_answer answer;
    struct error error;
    enum quota_answer_state state =
        quota_answer_parse(connection->input, connection->input_length, &answer, &error);
    if (!is_sent(connection)) {
        state = QUOTA_ANSWER_BROKEN;
        error_set(&error, ERROR_REMOTE, "quota-status answered before it was asked");
    }
    if (state == QUOTA_ANSWER_BROKEN) {
        lose(connection, &error);
        return;
    }
    if (state == QUOTA_ANSWER_PARTIAL) {
        return;
    }
    struct quota_request *question = connection->question;
    if (answer.length < connection->input_length) {
        quota_connection_drop(connection);
    } else {
        const struct timeval idle = {.tv_sec = connection->idle_ms / 1000,
                                     .tv_usec = connection->idle_ms % 1000 * 1000};
        connection->question = NULL;
        connection->state = QUOTA_CONNECTION_IDLE;
        connection->is_reused = true;
        watch(connection->reader, &idle);
    }
    quota_client_answered(question, &answer); /* lies in input, which nobody wrote since */
}

static void read_answer(struct quota_connection *connection)
{
    /* Room is never 0: a full input is a broken answer. So whatever TLS has decrypted comes
     * out at once, and the socket tells of all that is still to be read. */
    size_t count = 0;
    struct error error;
    enum stream_result result =
        stream_read(&connection->stream, connection->input + connection->input_length,
                    sizeof connection->input - connection->input_length, &count, &error);
    if (has_gone_on(connection, result, &error)) {
        connection->input_length += count;
        take_answer(connection);
    }
}

/* With TLS, reading may wait until it can write, and writing until it can read. What comes
 * before the question is sent answers nothing: hence first read. */
static void exchange(struct quota_connection *connection)
{
    read_answer(connection);
    if (connection->state == QUOTA_CONNECTION_BUSY && !is_sent(connection)) {
        send_question(connection);
    }
}

static void begin_question(struct quota_connection *connection)
{
    connection->state = QUOTA_CONNECTION_BUSY;
    connection->input_length = 0;
    connection->sent_length = 0;
    send_question(connection);
}

static void shake_hands(struct quota_connection *connection)
{
    struct error error;
    enum stream_result result = stream_handshake(&connection->stream, &error);
    if (has_gone_on(connection, result, &error)) {
        connection->service->preferred =
            connection->first_address + connection->tried_count - 1;
        begin_question(connection);
    }
}

static void on_readable(evutil_socket_t unused_socket, short events, void *argument)
{
    (void)unused_socket;
    struct quota_connection *connection = argument;
    if (connection->state == QUOTA_CONNECTION_HANDSHAKE) {
        shake_hands(connection);
    } else if (connection->state == QUOTA_CONNECTION_BUSY) {
        exchange(connection); /* the timer may have gone off: then there is nothing to do */
    } else if ((events & EV_TIMEOUT) != 0 || !stream_is_quiet(&connection->stream)) {
        /* Idle for too long, closed by the server, or bytes that answer no question. */
        close_socket(connection);
    }
    quota_client_advance(connection->client);
}

static void connected(struct quota_connection *connection)
{
    int failure = service_connect_error(connection->stream.socket);
    if (failure != 0) {
        close_socket(connection);
        errno = failure;
        connect_next(connection);
        return;
    }
    watch(connection->reader, NULL);
    connection->state = QUOTA_CONNECTION_HANDSHAKE;
    connection->input_length = 0; /* of the question that a reused one was asked before */
    shake_hands(connection);
}

static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct quota_connection *connection = argument;
    if (connection->state == QUOTA_CONNECTION_CONNECTING) {
        connected(connection);
    } else if (connection->state == QUOTA_CONNECTION_HANDSHAKE) {
        shake_hands(connection);
    } else if (connection->state == QUOTA_CONNECTION_BUSY) {
        exchange(connection);
    }
    quota_client_advance(connection->client);
}

/* False when the server closed it while it was idle or sent what nobody asked for, and the
 * loop has not come to tell us yet; or is just about to send something. */
static bool is_usable(struct quota_connection *connection)
{
    return connection->state == QUOTA_CONNECTION_IDLE &&
           stream_is_quiet(&connection->stream) && !stream_is_amid(&connection->stream);
}

void quota_connection_ask(struct quota_connection *connection,
                          struct quota_request *question)
{
    int64_t size_bytes = question->size_bytes > 1 ? question->size_bytes : 1;
    int length = snprintf(connection->output, sizeof connection->output,
                          "request=smtpd_access_policy\nprotocol_state=RCPT\n"
                          "protocol_name=ESMTP\nrecipient=%s\nsize=%" PRId64 "\n\n",
                          question->mailbox, size_bytes);
    connection->output_length = (size_t)length;
    connection->question = question;
    if (is_usable(connection)) {
        begin_question(connection);
        return;
    }
    close_socket(connection);
    connect_first(connection);
}
