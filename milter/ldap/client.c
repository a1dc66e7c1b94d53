/* SPDX-License-Identifier: MIT */
#include "ldap/client.h"

#include "base/clock.h"
#include "io/tls.h"
#include "ldap/connection.h"
#include "ldap/url.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_BYTES_MAX = 4 << 20, /* of one search, as kept in the arena */
    BACKLOG_BYTES_MAX = 1 << 20,
    SILENCE_MS =
        250,       /* a server that hangs says nothing to anybody for so long, at least */
    RESULT_OK = 0, /* of RFC 4511 */
    RESULT_NO_SUCH_OBJECT = 32,
};

struct ldap_list {
    struct ldap_search *first, **last;
    size_t count;
};

struct ldap_client {
    struct loop *loop;
    struct ldap_client_settings settings;
    struct ldap_access access;
    struct ldap_connection connection;
    struct ldap_list waiting, asked;
    bool is_used; /* the connection has answered a search */
    /* Since when the server owes answers and has given none; only while asked is not empty.
     */
    int64_t owed_ms;
};

static void advance(struct ldap_client *client);

static void list_init(struct ldap_list *list)
{
    *list = (struct ldap_list){.last = &list->first};
}

static void list_add(struct ldap_list *list, struct ldap_search *search)
{
    search->next = NULL;
    *list->last = search;
    list->last = &search->next;
    list->count++;
}

static void list_remove(struct ldap_list *list, struct ldap_search *search)
{
    struct ldap_search **place = &list->first;
    while (*place != search) {
        place = &(*place)->next;
    }
    *place = search->next;
    if (search->next == NULL) {
        list->last = place;
    }
    list->count--;
}

static struct ldap_search *list_take(struct ldap_list *list)
{
    struct ldap_search *search = list->first;
    if (search != NULL) {
        list_remove(list, search);
    }
    return search;
}

/* It is in no list any more. */
static void complete(struct ldap_search *search, bool ok)
{
    event_free(search->timer);
    search->timer = NULL;
    request_complete(&search->request, ok);
}

static void fail_search(struct ldap_search *search, const struct error *error)
{
    search->request.error = *error;
    complete(search, false);
}

static void fail_all(struct ldap_list *list, const struct error *error)
{
    for (struct ldap_search *search; (search = list_take(list)) != NULL;) {
        fail_search(search, error);
    }
}

static void forget_answer(struct ldap_search *search)
{
    search->id = -1;
    search->found = NULL;
    search->last = &search->found;
}

static void ask(struct ldap_client *client, struct ldap_search *search)
{
    struct error error;
    int64_t now = clock_monotonic_ms();
    int id = ldap_connection_search(&client->connection, &search->what, &error);
    if (id < 0) {
        fail_search(search, &error);
        return;
    }
    if (client->asked.count == 0) {
        client->owed_ms = now;
    }
    search->id = id;
    search->asked_ms = now;
    list_add(&client->asked, search);
}

/* Asks what may be asked, and connects where nobody can be. The last thing of every event:
 * it may end in a lost connection. */
static void advance(struct ldap_client *client)
{
    struct ldap_connection *connection = &client->connection;
    if (connection->state == LDAP_CONNECTION_CLOSED && client->waiting.count > 0) {
        client->is_used = false;
        ldap_connection_open(connection);
        return;
    }
    if (connection->state != LDAP_CONNECTION_READY) {
        return;
    }
    while (client->waiting.count > 0 && client->asked.count < LDAP_SEARCHES_MAX &&
           ldap_connection_backlog(connection) < BACKLOG_BYTES_MAX) {
        ask(client, list_take(&client->waiting));
    }
    ldap_connection_flush(connection);
}

void ldap_client_ready(struct ldap_client *client)
{
    advance(client);
}

void ldap_client_unreachable(struct ldap_client *client, const struct error *error)
{
    fail_all(&client->waiting, error);
}

/* Those that crossed the end of an idle connection go first, in their order. */
static void ask_again(struct ldap_client *client, const struct error *error)
{
    struct ldap_list again;
    list_init(&again);
    for (struct ldap_search *search; (search = list_take(&client->asked)) != NULL;) {
        if (search->is_second) {
            fail_search(search, error);
            continue;
        }
        search->is_second = true;
        forget_answer(search);
        list_add(&again, search);
    }
    for (struct ldap_search *search; (search = list_take(&client->waiting)) != NULL;) {
        list_add(&again, search);
    }
    for (struct ldap_search *search; (search = list_take(&again)) != NULL;) {
        list_add(&client->waiting, search);
    }
}

void ldap_client_lost(struct ldap_client *client, const struct error *error)
{
    if (client->is_used) {
        ask_again(client, error);
    } else {
        fail_all(&client->asked, error);
    }
    advance(client);
}

/* The server, or the network before it, answers nobody: the limit of one search is the time
 * that all of them lose. */
static bool is_silent(const struct ldap_client *client, const struct ldap_search *search)
{
    int64_t now = clock_monotonic_ms();
    int64_t since = client->connection.heard_ms > client->owed_ms
                        ? client->connection.heard_ms
                        : client->owed_ms;
    return client->connection.heard_ms <= search->asked_ms && now - since >= SILENCE_MS;
}

static void time_out_asked(struct ldap_client *client, struct ldap_search *search)
{
    bool hangs = is_silent(client, search);
    struct error error;
    error_set(&error, ERROR_TIMEOUT, "%s: no answer within %d ms",
              ldap_connection_url(&client->connection), search->request.timeout_ms);
    list_remove(&client->asked, search);
    if (!hangs) {
        ldap_connection_abandon(&client->connection, search->id);
    }
    fail_search(search, &error);
    if (hangs) {
        ldap_connection_close(&client->connection, true);
        error_set(&error, ERROR_TIMEOUT, "%s: the server hangs",
                  ldap_connection_url(&client->connection));
        fail_all(&client->asked, &error);
    }
}

static void on_deadline(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct ldap_search *search = argument;
    struct ldap_client *client = search->client;
    if (search->id >= 0) {
        time_out_asked(client, search);
    } else {
        struct error error;
        const char *what = client->connection.state == LDAP_CONNECTION_READY
                               ? "waiting for its turn"
                               : ldap_connection_state_name(client->connection.state);
        error_set(&error, ERROR_TIMEOUT, "%s: no answer within %d ms while %s",
                  ldap_connection_url(&client->connection), search->request.timeout_ms,
                  what);
        list_remove(&client->waiting, search);
        fail_search(search, &error);
    }
    advance(client);
}

/* False: the answer is too large. */
static bool take_entry(struct ldap_client *client, struct ldap_search *search,
                       const struct ldap_message *message, struct error *error)
{
    struct ldap_found *found =
        ldap_message_entry(client->connection.wire, message, search->arena);
    if (found == NULL) {
        return error_set(error, ERROR_REMOTE, "%s: an entry cannot be read",
                         ldap_connection_url(&client->connection));
    }
    *search->last = found;
    search->last = &found->next;
    return arena_used(search->arena) - search->arena_used <= ANSWER_BYTES_MAX ||
           error_set(error, ERROR_REMOTE, "%s: the answer is larger than %d bytes",
                     ldap_connection_url(&client->connection), ANSWER_BYTES_MAX);
}

/* What has become of a whole answer. */
static bool judge(const struct ldap_client *client, struct ldap_search *search,
                  const struct ldap_message *message)
{
    search->has_no_base = message->code == RESULT_NO_SUCH_OBJECT;
    return message->code == RESULT_OK || search->has_no_base ||
           error_set(&search->request.error, ERROR_REMOTE, "%s: the search fails: %s",
                     ldap_connection_url(&client->connection), message->text);
}

void ldap_client_message(struct ldap_client *client, const struct ldap_message *message)
{
    struct ldap_search *search = client->asked.first;
    while (search != NULL && search->id != message->id) {
        search = search->next;
    }
    if (search == NULL) {
        return; /* given up while the answer was on its way */
    }
    client->is_used = true;
    struct error error;
    if (message->kind == LDAP_MESSAGE_RESULT) {
        list_remove(&client->asked, search);
        complete(search, judge(client, search, message));
    } else if (!take_entry(client, search, message, &error)) {
        list_remove(&client->asked, search);
        ldap_connection_abandon(&client->connection, search->id);
        fail_search(search, &error);
    }
    advance(client);
}

static void search_start(struct request *request)
{
    struct ldap_search *search = (struct ldap_search *)request;
    struct ldap_client *client = search->client;
    search->timer = evtimer_new(loop_base(client->loop), on_deadline, search);
    const struct timeval limit = {.tv_sec = request->timeout_ms / 1000,
                                  .tv_usec = request->timeout_ms % 1000 * 1000L};
    if (search->timer == NULL || event_add(search->timer, &limit) != 0) {
        abort();
    }
    const struct ldap_wire_search *what = &search->what;
    size_t length = strlen(what->base) + (what->filter != NULL ? strlen(what->filter) : 0);
    struct error error;
    if (length > LDAP_QUESTION_BYTES_MAX) {
        error_set(&error, ERROR_REMOTE,
                  "base and filter of a search have %zu bytes; "
                  "LDAP is asked with at most %d",
                  length, LDAP_QUESTION_BYTES_MAX);
        fail_search(search, &error);
        return;
    }
    if (client->waiting.count >= LDAP_WAITING_MAX) {
        error_set(&error, ERROR_REMOTE, "%s: %zu searches wait for their turn already",
                  ldap_connection_url(&client->connection), client->waiting.count);
        fail_search(search, &error);
        return;
    }
    list_add(&client->waiting, search);
    advance(client);
}

void ldap_search_init(struct ldap_search *search, struct ldap_client *client,
                      const struct ldap_wire_search *what, int timeout_ms,
                      struct arena *arena)
{
    *search = (struct ldap_search){
        .request = {.start = search_start, .timeout_ms = timeout_ms},
        .client = client,
        .what = *what,
        .arena = arena,
        .arena_used = arena_used(arena),
    };
    forget_answer(search);
}

/* A peer for each server that TLS is spoken with: the name to verify is its own. */
static bool add_servers(struct ldap_client *client, struct error *error)
{
    const struct ldap_client_settings *settings = &client->settings;
    for (size_t i = 0; i < settings->url_count; i++) {
        struct ldap_server *server = &client->access.servers[i];
        server->url = settings->urls[i];
        client->access.server_count++;
        if (!ldap_url_parse_server(server->url, &server->service, error)) {
            return false;
        }
        const struct tls_settings tls = {.name = server->service.host,
                                         .ca = settings->ca,
                                         .certificate = settings->certificate,
                                         .key = settings->key};
        bool has_tls = server->service.is_tls ||
                       (settings->start_tls && server->service.host[0] != '\0');
        if (has_tls && (server->tls = tls_peer_new(&tls, error)) == NULL) {
            return false;
        }
    }
    return true;
}

static void set_up(void *argument)
{
    struct ldap_client *client = argument;
    ldap_connection_init(&client->connection, client, client->loop, &client->access);
}

static void tear_down(void *argument)
{
    struct ldap_client *client = argument;
    assert(client->waiting.count == 0 && client->asked.count == 0);
    ldap_connection_deinit(&client->connection);
}

static void destroy(struct ldap_client **client)
{
    for (size_t i = 0; i < (*client)->access.server_count; i++) {
        if ((*client)->access.servers[i].tls != NULL) {
            tls_peer_free(&(*client)->access.servers[i].tls);
        }
    }
    free((*client)->access.servers);
    free(*client);
    *client = NULL;
}

struct ldap_client *ldap_client_new(struct loop *loop,
                                    const struct ldap_client_settings *settings,
                                    struct error *error)
{
    struct ldap_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        abort();
    }
    client->loop = loop;
    client->settings = *settings;
    client->access = (struct ldap_access){
        .servers = calloc(settings->url_count, sizeof *client->access.servers),
        .start_tls = settings->start_tls,
        .binds = settings->binds,
        .bind_dn = settings->bind_dn,
        .bind_pw = settings->bind_pw,
        .version = settings->version,
        .dereference = settings->dereference,
    };
    if (client->access.servers == NULL) {
        abort();
    }
    list_init(&client->waiting);
    list_init(&client->asked);
    if (!add_servers(client, error)) {
        destroy(&client);
        return NULL;
    }
    ldap_wire_set_up();
    loop_run(loop, set_up, client);
    return client;
}

void ldap_client_free(struct ldap_client **client)
{
    loop_run((*client)->loop, tear_down, *client);
    destroy(client);
}

const struct ldap_client_settings *ldap_client_settings(const struct ldap_client *client)
{
    return &client->settings;
}
