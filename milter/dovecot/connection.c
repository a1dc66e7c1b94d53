/* SPDX-License-Identifier: MIT */
#include "dovecot/connection.h"

#include "dovecot/asking.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

static void on_readable(evutil_socket_t unused_socket, short unused_events, void *argument);
static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument);
static void on_old(evutil_socket_t unused_socket, short unused_events, void *argument);

const char *userdb_connection_state_name(enum userdb_connection_state state)
{
    static const char *const names[] = {
        [USERDB_CLOSED] = "waiting for a connection",
        [USERDB_CONNECTING] = "connecting",
        [USERDB_GREETING] = "waiting for its greeting",
        [USERDB_OPEN] = "waiting for the answer",
        [USERDB_LEAVING] = "waiting for the answer",
    };
    return names[state];
}

void userdb_connection_close(struct userdb_connection *connection)
{
    if (connection->state == USERDB_CLOSED) {
        return;
    }
    event_free(connection->reader);
    event_free(connection->writer);
    event_free(connection->renewer);
    stream_close(&connection->stream);
    connection->state = USERDB_CLOSED;
}

static void watch(struct event *event, const struct timeval *timeout)
{
    if (event_add(event, timeout) != 0) {
        abort(); /* out of memory or of epoll watches: nothing would ever wake us */
    }
}

static struct event *make_event(struct userdb_connection *connection, int socket,
                                short events, event_callback_fn callback)
{
    struct event *made = event_new(loop_base(connection->userdb->loop), socket, events,
                                   callback, connection);
    if (made == NULL) {
        abort();
    }
    return made;
}

/* Goes on with the next address; error tells of the one before, if there was one. */
static void connect_next(struct userdb_connection *connection, const struct error *before)
{
    struct error error = *before;
    const struct service *service = &connection->userdb->service;
    while (connection->tried_count < service->address_count) {
        size_t index =
            (connection->first_address + connection->tried_count) % service->address_count;
        connection->tried_count++;
        int made = service_connect(&service->addresses[index]);
        if (made >= 0) {
            const struct timeval age = {.tv_sec = connection->userdb->renew_ms / 1000,
                                        .tv_usec =
                                            connection->userdb->renew_ms % 1000 * 1000};
            stream_open(&connection->stream, made, NULL);
            connection->state = USERDB_CONNECTING;
            connection->reader =
                make_event(connection, made, EV_READ | EV_PERSIST, on_readable);
            connection->writer = make_event(connection, made, EV_WRITE, on_writable);
            connection->renewer = make_event(connection, -1, EV_PERSIST, on_old);
            watch(connection->writer, NULL);
            watch(connection->renewer, &age);
            return;
        }
        error_set(&error, ERROR_REMOTE, "cannot connect: %m");
    }
    userdb_unreachable(connection->userdb, &error);
}

void userdb_connection_open(struct userdb_connection *connection)
{
    struct userdb *userdb = connection->userdb;
    connection->first_address = userdb->service.preferred;
    connection->tried_count = 0;
    connection->has_version = false;
    connection->first_id = userdb->next_id;
    connection->end_id = userdb->next_id;
    connection->silent_count = 0;
    connection->output_length = 0;
    connection->input_length = 0;
    connection->is_skipping = false;
    const struct error none = {.kind = ERROR_NONE};
    connect_next(connection, &none);
}

void userdb_connection_give_up(struct userdb_connection *connection,
                               const struct error *error)
{
    if (connection->state == USERDB_CONNECTING || connection->state == USERDB_GREETING) {
        /* Silent addresses must not hide a good one behind them: the next begins there. */
        connection->userdb->service.preferred =
            connection->first_address + connection->tried_count;
        service_forget(&connection->userdb->service);
    }
    userdb_connection_close(connection);
    for (size_t i = 0; i < USERDB_UNDER_WAY && connection->count > 0; i++) {
        struct userdb_request *question = connection->questions[i];
        if (question != NULL) {
            userdb_connection_forget(connection, i);
            userdb_lost(question, error);
        }
    }
}

/* What is there is no Dovecot of ours, or is no more. */
static void lose(struct userdb_connection *connection, const struct error *error)
{
    if (connection->state == USERDB_CONNECTING || connection->state == USERDB_GREETING) {
        userdb_connection_close(connection);
        connect_next(connection, error);
    } else {
        userdb_connection_give_up(connection, error);
    }
}

void userdb_connection_forget(struct userdb_connection *connection, size_t place)
{
    connection->questions[place] = NULL;
    connection->count--;
}

/* NULL: the answer comes late, the question has run out of time. False: nobody has ever
 * asked that on this connection. */
static bool take_question(struct userdb_connection *connection, uint32_t id,
                          struct userdb_request **question, struct error *error)
{
    size_t place = id % USERDB_UNDER_WAY;
    *question = connection->ids[place] == id ? connection->questions[place] : NULL;
    if (*question != NULL) {
        userdb_connection_forget(connection, place);
        return true;
    }
    return id - connection->first_id < connection->end_id - connection->first_id ||
           error_set(error, ERROR_REMOTE, "Dovecot answered what it was not asked");
}

/* Up to SPID all but the version is passed over, as Dovecot's own clients do. */
static bool take_greeting(struct userdb_connection *connection,
                          const struct master_line *line, struct error *error)
{
    if (line->word == MASTER_VERSION && line->major != 1) {
        return error_set(error, ERROR_REMOTE,
                         "this Dovecot speaks version %u of the auth master protocol, "
                         "version 1 is needed",
                         line->major);
    }
    connection->has_version = connection->has_version || line->word == MASTER_VERSION;
    if (!connection->has_version) {
        return error_set(error, ERROR_REMOTE,
                         "this is not Dovecot's auth master protocol: no version");
    }
    if (line->word == MASTER_SPID) {
        connection->state = USERDB_OPEN;
        connection->userdb->service.preferred =
            connection->first_address + connection->tried_count - 1;
    }
    return true;
}

static bool take_line(struct userdb_connection *connection, const char *text, size_t length,
                      struct error *error)
{
    struct master_line line;
    if (!master_line_parse(text, length, &line, error)) {
        return false;
    }
    if (connection->state == USERDB_GREETING) {
        return take_greeting(connection, &line, error);
    }
    if (line.word != MASTER_USER && line.word != MASTER_NOT_FOUND &&
        line.word != MASTER_FAIL) {
        return error_set(error, ERROR_REMOTE, "this is no answer of Dovecot's userdb");
    }
    struct userdb_request *question = NULL;
    if (!take_question(connection, line.id, &question, error)) {
        return false;
    }
    connection->silent_count = 0;
    if (question != NULL) {
        userdb_answered(question, &line);
    }
    return true;
}

/* The input is full of one line: it costs the one who asked, not all the others. */
static bool skip_line(struct userdb_connection *connection, struct error *error)
{
    struct master_line line;
    struct userdb_request *question = NULL;
    error_set(error, ERROR_REMOTE, "Dovecot's answer is longer than %d bytes",
              USERDB_LINE_BYTES);
    if (connection->is_skipping) {
        return true;
    }
    struct error why;
    if (connection->state == USERDB_GREETING ||
        !master_line_parse(connection->input, connection->input_length, &line, &why) ||
        line.word != MASTER_USER || !take_question(connection, line.id, &question, &why)) {
        return false;
    }
    if (question != NULL) {
        userdb_unreadable(question, error);
    }
    connection->is_skipping = true;
    return true;
}

/* False: it is lost. */
static bool take_lines(struct userdb_connection *connection, struct error *error)
{
    const char *line = connection->input;
    const char *end = connection->input + connection->input_length;
    const char *newline;
    while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (!connection->is_skipping &&
            !take_line(connection, line, (size_t)(newline - line), error)) {
            return false;
        }
        connection->is_skipping = false;
        line = newline + 1;
    }
    connection->input_length = (size_t)(end - line);
    memmove(connection->input, line, connection->input_length);
    if (connection->input_length < sizeof connection->input) {
        return true;
    }
    if (!skip_line(connection, error)) {
        return false;
    }
    connection->input_length = 0;
    return true;
}

static void on_readable(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct userdb_connection *connection = argument;
    size_t count = 0;
    struct error error;
    enum stream_result result =
        stream_read(&connection->stream, connection->input + connection->input_length,
                    sizeof connection->input - connection->input_length, &count, &error);
    if (result == STREAM_WAIT_READ) {
        return;
    }
    connection->input_length += count;
    if (result != STREAM_DONE) {
        error_set(&error, ERROR_REMOTE, "Dovecot closed the connection");
        lose(connection, &error);
    } else if (!take_lines(connection, &error)) {
        lose(connection, &error);
    } else if (connection->state == USERDB_LEAVING && connection->count == 0) {
        userdb_connection_close(connection);
    }
    userdb_advance(connection->userdb);
}

static void connected(struct userdb_connection *connection)
{
    static const char hello[] = "VERSION\t1\t0\n";
    int failure = service_connect_error(connection->stream.socket);
    if (failure != 0) {
        struct error error;
        errno = failure;
        error_set(&error, ERROR_REMOTE, "cannot connect: %m");
        lose(connection, &error);
        return;
    }
    connection->state = USERDB_GREETING;
    memcpy(connection->output, hello, sizeof hello - 1);
    connection->output_length = sizeof hello - 1;
    watch(connection->reader, NULL);
}

static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct userdb_connection *connection = argument;
    struct userdb *userdb = connection->userdb;
    if (connection->state == USERDB_CONNECTING) {
        connected(connection);
    }
    size_t count = 0;
    struct error error;
    if (connection->state != USERDB_CLOSED && connection->state != USERDB_CONNECTING &&
        connection->output_length > 0) {
        /* When it is closed, the reader hears of it, behind the last answers. */
        enum stream_result result = stream_write(&connection->stream, connection->output,
                                                 connection->output_length, &count, &error);
        connection->output_length -= count;
        memmove(connection->output, connection->output + count, connection->output_length);
        if (connection->output_length > 0 && result != STREAM_CLOSED) {
            watch(connection->writer, NULL);
        }
    }
    userdb_advance(userdb);
}

/* Without an answer that is due it goes at once, so that it does not keep an old auth
 * process alive. */
static void on_old(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct userdb_connection *connection = argument;
    if (connection->state != USERDB_OPEN) {
        return; /* the questions' own limits end it */
    }
    if (connection->count == 0) {
        userdb_connection_close(connection);
        return;
    }
    const struct userdb_connection *all = connection->userdb->connections;
    for (size_t i = 0; i < USERDB_CONNECTIONS; i++) {
        if (all[i].state == USERDB_LEAVING) {
            return; /* tried again when it is twice as old */
        }
    }
    connection->state = USERDB_LEAVING;
}

bool userdb_connection_has_room(const struct userdb_connection *connection)
{
    return connection->state == USERDB_OPEN && connection->count < USERDB_UNDER_WAY &&
           connection->output_length + MASTER_QUESTION_BYTES < USERDB_OUTPUT_BYTES;
}

void userdb_connection_ask(struct userdb_connection *connection,
                           struct userdb_request *question)
{
    struct userdb *userdb = connection->userdb;
    while (connection->questions[userdb->next_id % USERDB_UNDER_WAY] != NULL) {
        userdb->next_id++;
    }
    uint32_t id = userdb->next_id++;
    connection->end_id = userdb->next_id;
    connection->questions[id % USERDB_UNDER_WAY] = question;
    connection->ids[id % USERDB_UNDER_WAY] = id;
    connection->count++;
    connection->output_length +=
        master_question(connection->output + connection->output_length, id, question->name,
                        userdb->service_name);
    /* In this turn of the loop, but behind all that is there to be asked. */
    if (!event_pending(connection->writer, EV_WRITE, NULL)) {
        event_active(connection->writer, EV_WRITE, 0);
    }
}
