/* SPDX-License-Identifier: MIT */
#include "quota/asking.h"

#include "base/clock.h"
#include "io/request.h"

#include <assert.h>

static struct quota_request *take_first(struct quota_client *client)
{
    struct quota_request *question = client->first;
    client->first = question->next;
    if (client->first == NULL) {
        client->last = &client->first;
    }
    return question;
}

static void put_back(struct quota_client *client, struct quota_request *question)
{
    question->next = client->first;
    client->first = question;
    if (question->next == NULL) {
        client->last = &question->next;
    }
}

static bool is_established(const struct quota_connection *connection)
{
    return connection->state == QUOTA_CONNECTION_IDLE ||
           connection->state == QUOTA_CONNECTION_BUSY;
}

static bool any_established(const struct quota_client *client)
{
    for (size_t i = 0; i < client->connection_count; i++) {
        if (is_established(&client->connections[i])) {
            return true;
        }
    }
    return false;
}

static void refuse(struct quota_client *client, struct quota_request *question)
{
    question->is_refused = true;
    error_set(&question->request.error, ERROR_REMOTE, "quota service %s is away: %s",
              client->breaker.service, client->breaker.reason);
    quota_request_complete(question, false);
}

/* The service went away: who is not talking to it yet need not wait. */
static void refuse_waiting(struct quota_client *client)
{
    while (client->first != NULL) {
        refuse(client, take_first(client));
    }
    for (size_t i = 0; i < client->connection_count; i++) {
        if (quota_connection_is_new(&client->connections[i])) {
            refuse(client, quota_connection_drop(&client->connections[i]));
        }
    }
}

static void fail(struct quota_client *client, struct quota_request *question,
                 bool is_certain, const struct error *error)
{
    struct breaker *breaker = &client->breaker;
    bool is_hurried = error->kind == ERROR_TIMEOUT && question->is_hurried;
    bool went_away = false;
    if (is_certain || question->is_probe || !is_hurried) {
        went_away = breaker_failed(breaker, is_certain, question->is_probe, error->text,
                                   clock_monotonic_ms());
    }
    if (breaker->is_away) {
        service_forget(&client->service);
    }
    question->request.error = *error;
    quota_request_complete(question, false);
    if (went_away) {
        refuse_waiting(client);
    }
}

void quota_client_answered(struct quota_request *question,
                           const struct quota_answer *answer)
{
    breaker_answered(&question->client->breaker);
    bool ok = quota_answer_interpret(answer, &question->result, question->text,
                                     &question->request.error);
    quota_request_complete(question, ok);
}

void quota_client_unreachable(struct quota_request *question, const struct error *error)
{
    struct quota_client *client = question->client;
    if (client->service.address_count == 0) {
        put_back(client, question); /* forgotten since: to be looked up again */
        return;
    }
    if (any_established(client) && !question->is_probe) {
        /* It answers others; a full backlog, say. One of those takes the question. */
        client->grow_ms = clock_monotonic_ms() + BREAKER_FIRST_MS;
        put_back(client, question);
        return;
    }
    fail(client, question, true, error);
}

void quota_client_lost(struct quota_request *question, const struct error *error)
{
    fail(question->client, question, false, error);
}

static void on_lookup(void *argument, const struct addrinfo *found,
                      const struct error *error)
{
    struct quota_client *client = argument;
    client->lookup = NULL;
    if (found != NULL) {
        service_set(&client->service, found);
    }
    while (found == NULL && client->first != NULL) {
        fail(client, take_first(client), true, error);
    }
    quota_client_advance(client);
}

static void start_lookup(struct quota_client *client)
{
    if (client->lookup != NULL) {
        return;
    }
    struct error error;
    client->lookup = host_lookup_start(client->loop, client->service.host,
                                       client->service.port, on_lookup, client, &error);
    while (client->lookup == NULL && client->first != NULL) {
        fail(client, take_first(client), true, &error);
    }
}

/* An idle connection, else a closed one that may be opened, else NULL. */
static struct quota_connection *find_connection(struct quota_client *client)
{
    struct quota_connection *closed = NULL;
    for (size_t i = 0; i < client->connection_count; i++) {
        struct quota_connection *connection = &client->connections[i];
        if (connection->state == QUOTA_CONNECTION_IDLE) {
            return connection;
        }
        if (connection->state == QUOTA_CONNECTION_CLOSED && closed == NULL) {
            closed = connection;
        }
    }
    bool may_open = !any_established(client) || clock_monotonic_ms() >= client->grow_ms;
    return may_open ? closed : NULL;
}

void quota_client_advance(struct quota_client *client)
{
    while (client->first != NULL) {
        struct quota_connection *connection = find_connection(client);
        if (connection == NULL) {
            return;
        }
        bool is_open = connection->state == QUOTA_CONNECTION_IDLE;
        if (!is_open && client->service.address_count == 0) {
            start_lookup(client);
            return;
        }
        quota_connection_ask(connection, take_first(client));
    }
}

/* Takes a question whose time is over away from where it waits, and says where that was.
 * NULL: there is none. Sets next_ms to the first deadline that is still to come. */
static struct quota_request *take_expired(struct quota_client *client, int64_t now,
                                          enum quota_connection_state *state,
                                          int64_t *next_ms)
{
    *next_ms = INT64_MAX;
    for (size_t i = 0; i < client->connection_count; i++) {
        struct quota_connection *connection = &client->connections[i];
        const struct quota_request *question = connection->question;
        if (question != NULL && question->deadline_ms <= now) {
            *state = connection->state;
            /* Closes: the late answer must not meet the next question. */
            return quota_connection_drop(connection);
        }
        if (question != NULL && question->deadline_ms < *next_ms) {
            *next_ms = question->deadline_ms;
        }
    }
    for (struct quota_request **at = &client->first; *at != NULL; at = &(*at)->next) {
        struct quota_request *question = *at;
        if (question->deadline_ms <= now) {
            *state = QUOTA_CONNECTION_CLOSED;
            *at = question->next;
            client->last = *at == NULL ? at : client->last;
            return question;
        }
        *next_ms = question->deadline_ms < *next_ms ? question->deadline_ms : *next_ms;
    }
    return NULL;
}

static void expire(struct quota_client *client, struct quota_request *question,
                   enum quota_connection_state state)
{
    static const char *const phases[] = {
        [QUOTA_CONNECTION_CLOSED] = "in the queue",
        [QUOTA_CONNECTION_CONNECTING] = "connecting",
        [QUOTA_CONNECTION_HANDSHAKE] = "in the TLS handshake",
        [QUOTA_CONNECTION_IDLE] = "idle",
        [QUOTA_CONNECTION_BUSY] = "waiting for the answer",
    };
    bool is_unnamed = state == QUOTA_CONNECTION_CLOSED && client->lookup != NULL;
    /* Those that are asked stand in its way; what becomes of them tells of the service. */
    question->is_hurried = question->is_hurried ||
                           (state == QUOTA_CONNECTION_CLOSED && client->lookup == NULL);
    struct error error;
    error_set(&error, ERROR_TIMEOUT, "no answer within %d ms: %s",
              question->request.timeout_ms,
              is_unnamed ? "looking up the name" : phases[state]);
    /* Nobody took a connection in all that time, or not even the name was found. */
    bool is_nobody = state == QUOTA_CONNECTION_CONNECTING ||
                     state == QUOTA_CONNECTION_HANDSHAKE || is_unnamed;
    bool is_certain = is_nobody && !any_established(client);
    fail(client, question, is_certain, &error);
}

static void on_deadline(void *argument)
{
    struct quota_client *client = argument;
    struct quota_request *question = NULL;
    enum quota_connection_state state = QUOTA_CONNECTION_CLOSED;
    int64_t next_ms = INT64_MAX;
    while ((question = take_expired(client, clock_monotonic_ms(), &state, &next_ms)) !=
           NULL) {
        expire(client, question, state);
    }
    deadline_set(&client->deadline, next_ms);
    quota_client_advance(client);
}

void asking_begin(struct quota_client *client, struct quota_request *question)
{
    int64_t now = clock_monotonic_ms();
    /* A look-up that takes its time would only hold up the probe. */
    bool is_stuck = client->breaker.is_away && client->lookup != NULL;
    enum breaker_pass pass = is_stuck ? BREAKER_REFUSE : breaker_ask(&client->breaker, now);
    if (pass == BREAKER_REFUSE) {
        refuse(client, question);
        return;
    }
    question->is_probe = pass == BREAKER_PROBE;
    question->deadline_ms = now + question->request.timeout_ms;
    question->next = NULL;
    *client->last = question;
    client->last = &question->next;
    deadline_set(&client->deadline, question->deadline_ms);
    quota_client_advance(client);
}

void asking_init(struct quota_client *client)
{
    client->last = &client->first;
    deadline_init(&client->deadline, client->loop, on_deadline, client);
}

void asking_deinit(struct quota_client *client)
{
    assert(client->first == NULL);
    for (size_t i = 0; i < client->connection_count; i++) {
        const struct quota_request *question =
            quota_connection_drop(&client->connections[i]);
        assert(question == NULL);
        (void)question;
    }
    if (client->lookup != NULL) {
        host_lookup_abandon(&client->lookup);
    }
    deadline_deinit(&client->deadline);
}
