/* SPDX-License-Identifier: MIT */
#include "ldap/connection.h"

#include "base/clock.h"
#include "ldap/set_up.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Messages taken before other sockets have their turn. */
enum { MESSAGES_AT_ONCE = 64 };

static void next_address(struct ldap_connection *connection);
static void on_readable(evutil_socket_t unused_socket, short unused_events, void *argument);
static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument);

const char *ldap_connection_state_name(enum ldap_connection_state state)
{
    switch (state) {
    case LDAP_CONNECTION_CLOSED:
        return "closed";
    case LDAP_CONNECTION_LOOKUP:
        return "looking the host up";
    case LDAP_CONNECTION_CONNECTING:
        return "connecting";
    case LDAP_CONNECTION_START_TLS:
        return "asking for StartTLS";
    case LDAP_CONNECTION_HANDSHAKE:
        return "in the TLS handshake";
    case LDAP_CONNECTION_BIND:
        return "binding";
    case LDAP_CONNECTION_READY:
        return "ready";
    }
    return "invalid";
}

const char *ldap_connection_url(const struct ldap_connection *connection)
{
    return ldap_route_server(&connection->route)->url;
}

static void watch(struct event *event, int limit_ms)
{
    const struct timeval limit = {.tv_sec = limit_ms / 1000,
                                  .tv_usec = limit_ms % 1000 * 1000L};
    if (event_add(event, limit_ms > 0 ? &limit : NULL) != 0) {
        abort(); /* out of memory or of epoll watches: nothing would ever wake us */
    }
}

static void close_socket(struct ldap_connection *connection)
{
    event_del(connection->timer);
    ldap_route_stop(&connection->route);
    if (connection->wire != NULL) {
        event_free(connection->reader);
        event_free(connection->writer);
        stream_close(&connection->stream);
        ldap_wire_free(&connection->wire);
    }
    connection->state = LDAP_CONNECTION_CLOSED;
}

void ldap_connection_close(struct ldap_connection *connection, bool is_silent)
{
    if (connection->state == LDAP_CONNECTION_READY && !is_silent) {
        size_t length = 0;
        size_t count = 0;
        struct error unused;
        ldap_wire_unbind(connection->wire);
        const char *bytes = ldap_wire_output(connection->wire, &length);
        stream_write(&connection->stream, bytes, length, &count, &unused);
    }
    close_socket(connection);
    if (is_silent) {
        ldap_route_pass(&connection->route);
    } else {
        ldap_route_return(&connection->route);
    }
}

static void note_failure(struct ldap_connection *connection, const struct error *error)
{
    connection->failure = *error;
    error_wrap(&connection->failure, "%s", ldap_connection_url(connection));
}

/* That nobody listens tells less than what is wrong with an address that can be reached. */
static void note_unreachable(struct ldap_connection *connection, int failure)
{
    struct error error;
    errno = failure;
    error_set(&error, ERROR_REMOTE, "cannot connect: %m");
    if (connection->failure.kind == ERROR_NONE) {
        note_failure(connection, &error);
    }
}

static void go_to_next(struct ldap_connection *connection)
{
    close_socket(connection);
    next_address(connection);
}

/* The address in use is no good. */
static void give_up_address(struct ldap_connection *connection, const struct error *error)
{
    note_failure(connection, error);
    go_to_next(connection);
}

void ldap_connection_fail(struct ldap_connection *connection, const struct error *error)
{
    if (connection->state != LDAP_CONNECTION_READY) {
        give_up_address(connection, error);
        return;
    }
    struct error lost = *error;
    error_wrap(&lost, "%s", ldap_connection_url(connection));
    close_socket(connection);
    ldap_route_return(&connection->route);
    ldap_client_lost(connection->client, &lost);
}

bool ldap_connection_has_gone_on(struct ldap_connection *connection,
                                 enum stream_result result, struct error *error)
{
    switch (result) {
    case STREAM_DONE:
        return true;
    case STREAM_WAIT_READ:
        return false; /* reader is always watched */
    case STREAM_WAIT_WRITE:
        watch(connection->writer, 0);
        return false;
    case STREAM_CLOSED:
        error_set(error, ERROR_REMOTE, "the server closed the connection");
        break;
    case STREAM_FAILED:
        break;
    }
    ldap_connection_fail(connection, error);
    return false;
}

void ldap_connection_flush(struct ldap_connection *connection)
{
    size_t length = 0;
    const char *bytes = ldap_wire_output(connection->wire, &length);
    while (length > 0) {
        size_t count = 0;
        struct error error;
        enum stream_result result =
            stream_write(&connection->stream, bytes, length, &count, &error);
        if (!ldap_connection_has_gone_on(connection, result, &error)) {
            return;
        }
        ldap_wire_sent(connection->wire, count);
        bytes = ldap_wire_output(connection->wire, &length);
    }
}

size_t ldap_connection_backlog(const struct ldap_connection *connection)
{
    size_t length = 0;
    ldap_wire_output(connection->wire, &length);
    return length;
}

int ldap_connection_search(struct ldap_connection *connection,
                           const struct ldap_wire_search *search, struct error *error)
{
    assert(connection->state == LDAP_CONNECTION_READY);
    return ldap_wire_search(connection->wire, search, error);
}

void ldap_connection_abandon(struct ldap_connection *connection, int id)
{
    ldap_wire_abandon(connection->wire, id);
}

/* False: the connection is not what it was any more. */
static bool take_message(struct ldap_connection *connection, struct ldap_message *message)
{
    struct error error;
    switch (message->kind) {
    case LDAP_MESSAGE_NONE:
    case LDAP_MESSAGE_OTHER:
        return true;
    case LDAP_MESSAGE_END:
        error_set(&error, ERROR_REMOTE, "the server ends the connection: %s",
                  message->text);
        ldap_connection_fail(connection, &error);
        return false;
    case LDAP_MESSAGE_BROKEN:
        error_set(&error, ERROR_REMOTE,
                  "what the server says is no LDAP, or a message of more than %d bytes",
                  LDAP_MESSAGE_BYTES_MAX);
        ldap_connection_fail(connection, &error);
        return false;
    case LDAP_MESSAGE_ENTRY:
    case LDAP_MESSAGE_RESULT:
        break;
    }
    if (connection->state == LDAP_CONNECTION_READY) {
        ldap_client_message(connection->client, message);
        return connection->state == LDAP_CONNECTION_READY;
    }
    enum ldap_connection_state before = connection->state;
    if (message->kind == LDAP_MESSAGE_RESULT) {
        ldap_set_up_result(connection, message);
    }
    return connection->state == before;
}

/* True: all that is here was taken. False: the connection is not what it was, or others
 * have their turn. */
static bool take_messages(struct ldap_connection *connection)
{
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        struct ldap_message message;
        ldap_message_next(connection->wire, &message);
        if (message.kind == LDAP_MESSAGE_NONE) {
            return true;
        }
        bool goes_on = take_message(connection, &message);
        ldap_message_end(&message); /* also when the wire is gone */
        if (!goes_on) {
            return false;
        }
    }
    event_active(connection->reader, EV_READ, 0);
    return false;
}

/* A read that leaves room has read all there is; what TLS may hold back it gives only when
 * it is asked until it waits. */
static void receive(struct ldap_connection *connection)
{
    size_t size = 0;
    size_t count = 0;
    while (take_messages(connection)) {
        if (count < size && connection->stream.tls == NULL) {
            return;
        }
        struct error error;
        char *room = ldap_wire_room(connection->wire, &size);
        enum stream_result result =
            stream_read(&connection->stream, room, size, &count, &error);
        if (!ldap_connection_has_gone_on(connection, result, &error)) {
            return;
        }
        connection->heard_ms = clock_monotonic_ms();
        ldap_wire_received(connection->wire, count);
    }
}

static bool is_talking(const struct ldap_connection *connection)
{
    return connection->state == LDAP_CONNECTION_START_TLS ||
           connection->state == LDAP_CONNECTION_BIND ||
           connection->state == LDAP_CONNECTION_READY;
}

/* Whatever the socket is ready for: with TLS, reading may wait for writing, and the other
 * way round. */
static void go_on(struct ldap_connection *connection)
{
    if (connection->state == LDAP_CONNECTION_HANDSHAKE) {
        ldap_set_up_handshake(connection);
        return;
    }
    ldap_connection_flush(connection);
    if (is_talking(connection)) {
        receive(connection);
    }
}

static void on_readable(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct ldap_connection *connection = argument;
    go_on(connection);
}

static void on_connect(struct ldap_connection *connection)
{
    int failure = service_connect_error(connection->stream.socket);
    if (failure == 0) {
        watch(connection->reader, 0);
        ldap_set_up_start(connection);
    } else {
        note_unreachable(connection, failure);
        go_to_next(connection);
    }
}

static void on_writable(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct ldap_connection *connection = argument;
    if (connection->state == LDAP_CONNECTION_CONNECTING) {
        on_connect(connection);
    } else {
        go_on(connection);
    }
}

static void on_timer(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct ldap_connection *connection = argument;
    struct error error;
    error_set(&error, ERROR_TIMEOUT, "no answer within %d ms while %s", LDAP_ATTEMPT_MS,
              ldap_connection_state_name(connection->state));
    give_up_address(connection, &error);
}

/* False: errno says why. */
static bool connect_address(struct ldap_connection *connection,
                            const struct service_address *address)
{
    int made = service_connect(address);
    if (made < 0) {
        return false;
    }
    int yes = 1;
    setsockopt(made, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    struct event_base *base = loop_base(connection->loop);
    stream_open(&connection->stream, made, NULL);
    connection->wire =
        ldap_wire_new(made, connection->access->version, connection->access->dereference);
    connection->reader =
        event_new(base, made, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writer = event_new(base, made, EV_WRITE, on_writable, connection);
    if (connection->reader == NULL || connection->writer == NULL) {
        abort();
    }
    connection->state = LDAP_CONNECTION_CONNECTING;
    watch(connection->writer, 0);
    watch(connection->timer, LDAP_ATTEMPT_MS);
    return true;
}

static void next_address(struct ldap_connection *connection)
{
    for (;;) {
        const struct service_address *address = NULL;
        struct error error;
        switch (ldap_route_next(&connection->route, &address, &error)) {
        case LDAP_ROUTE_ADDRESS:
            if (connect_address(connection, address)) {
                return;
            }
            note_unreachable(connection, errno);
            break;
        case LDAP_ROUTE_LOOKUP:
            connection->state = LDAP_CONNECTION_LOOKUP;
            watch(connection->timer, LDAP_ATTEMPT_MS);
            return;
        case LDAP_ROUTE_FAILED:
            note_failure(connection, &error);
            break;
        case LDAP_ROUTE_END:
            close_socket(connection);
            ldap_route_return(&connection->route);
            if (connection->failure.kind == ERROR_NONE) {
                connection->failure.kind = ERROR_REMOTE; /* names without an address */
            }
            ldap_client_unreachable(connection->client, &connection->failure);
            return;
        }
    }
}

static void on_found(void *argument)
{
    struct ldap_connection *connection = argument;
    event_del(connection->timer);
    next_address(connection);
}

void ldap_connection_open(struct ldap_connection *connection)
{
    assert(connection->state == LDAP_CONNECTION_CLOSED);
    error_set(&connection->failure, ERROR_NONE, "no server has an address");
    ldap_route_begin(&connection->route);
    next_address(connection);
}

void ldap_connection_init(struct ldap_connection *connection, struct ldap_client *client,
                          struct loop *loop, const struct ldap_access *access)
{
    *connection = (struct ldap_connection){
        .client = client,
        .loop = loop,
        .access = access,
        .route = {.loop = loop,
                  .servers = access->servers,
                  .server_count = access->server_count,
                  .found = on_found,
                  .argument = connection},
        .stream.socket = -1,
    };
    connection->timer = evtimer_new(loop_base(loop), on_timer, connection);
    if (connection->timer == NULL) {
        abort();
    }
}

void ldap_connection_deinit(struct ldap_connection *connection)
{
    ldap_connection_close(connection, false);
    event_free(connection->timer);
}
