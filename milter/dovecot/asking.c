/* SPDX-License-Identifier: MIT */
#include "dovecot/asking.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct userdb_request *take_first(struct userdb *userdb)
{
    struct userdb_request *question = userdb->first;
    userdb->first = question->next;
    if (userdb->first == NULL) {
        userdb->last = &userdb->first;
    }
    userdb->waiting_count--;
    return question;
}

static void fail(struct userdb_request *question, const struct error *error)
{
    question->answer = (struct userdb_answer){.kind = ANSWER_FAILED};
    question->request.error = *error;
    request_complete(&question->request, false);
}

static void fail_waiting(struct userdb *userdb, const struct error *error)
{
    while (userdb->first != NULL) {
        fail(take_first(userdb), error);
    }
}

/* On a socket that all may write to, Dovecot tells everybody but root, its owner and its
 * group only of users with their own uid, and fails for all others without a word. */
static void name_remedy(const struct userdb *userdb, struct error *error)
{
    struct stat status;
    const char *path = strchr(userdb->where, ':') + 1;
    if (strncmp(userdb->where, "unix:", 5) == 0 && stat(path, &status) == 0 &&
        (status.st_mode & 0777) == 0666 && geteuid() != 0 && geteuid() != status.st_uid &&
        getegid() != status.st_gid) {
        error_set(error, ERROR_REMOTE,
                  "Dovecot cannot tell: on a socket of mode 0666 it tells others than its "
                  "owner next to nothing; give Foregate a listener of its own in service "
                  "auth, with its user and mode 0600");
    }
}

void userdb_answered(struct userdb_request *question, const struct master_line *line)
{
    bool is_mute = false;
    struct error error;
    if (master_line_answer(line, question->arena, &question->answer, &is_mute, &error)) {
        request_complete(&question->request, true);
        return;
    }
    if (is_mute) {
        name_remedy(question->userdb, &error);
    }
    fail(question, &error);
}

void userdb_unreadable(struct userdb_request *question, const struct error *error)
{
    fail(question, error);
}

/* To the front: it has waited before. */
void userdb_lost(struct userdb_request *question, const struct error *error)
{
    struct userdb *userdb = question->userdb;
    if (question->is_repeated) {
        fail(question, error);
        return;
    }
    question->is_repeated = true;
    question->next = userdb->first;
    userdb->first = question;
    if (question->next == NULL) {
        userdb->last = &question->next;
    }
    userdb->waiting_count++;
}

void userdb_unreachable(struct userdb *userdb, const struct error *error)
{
    struct error named = *error;
    error_wrap(&named, "Dovecot's userdb at %s", userdb->where);
    service_forget(&userdb->service);
    fail_waiting(userdb, &named);
}

static void on_lookup(void *argument, const struct addrinfo *found,
                      const struct error *error)
{
    struct userdb *userdb = argument;
    userdb->lookup = NULL;
    if (found != NULL) {
        service_set(&userdb->service, found);
    } else {
        fail_waiting(userdb, error);
    }
    userdb_advance(userdb);
}

/* The one that takes questions or will, or NULL. */
static struct userdb_connection *find_current(struct userdb *userdb)
{
    for (size_t i = 0; i < USERDB_CONNECTIONS; i++) {
        struct userdb_connection *connection = &userdb->connections[i];
        if (connection->state != USERDB_CLOSED && connection->state != USERDB_LEAVING) {
            return connection;
        }
    }
    return NULL;
}

static void open_connection(struct userdb *userdb)
{
    if (userdb->lookup != NULL) {
        return;
    }
    if (userdb->service.address_count == 0) {
        struct error error;
        userdb->lookup = host_lookup_start(userdb->loop, userdb->service.host,
                                           userdb->service.port, on_lookup, userdb, &error);
        if (userdb->lookup == NULL) {
            fail_waiting(userdb, &error);
        }
        return;
    }
    /* One at most is LEAVING, and none is current. */
    bool is_first = userdb->connections[0].state == USERDB_CLOSED;
    userdb_connection_open(&userdb->connections[is_first ? 0 : 1]);
}

void userdb_advance(struct userdb *userdb)
{
    if (userdb->first == NULL) {
        return;
    }
    struct userdb_connection *current = find_current(userdb);
    if (current == NULL) {
        open_connection(userdb);
        return;
    }
    while (userdb->first != NULL && userdb_connection_has_room(current)) {
        userdb_connection_ask(current, take_first(userdb));
    }
}

static void expire(struct userdb_request *question, const char *phase)
{
    struct error error;
    error_set(&error, ERROR_TIMEOUT, "no answer of Dovecot's userdb within %d ms: %s",
              question->request.timeout_ms, phase);
    fail(question, &error);
}

static int64_t earlier(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* Both end the questions whose time is over, and return the next deadline. */
static int64_t expire_asked(struct userdb_connection *connection, int64_t now)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < USERDB_UNDER_WAY && connection->count > 0; i++) {
        struct userdb_request *question = connection->questions[i];
        if (question != NULL && question->deadline_ms <= now) {
            userdb_connection_forget(connection, i);
            connection->silent_count++;
            expire(question, userdb_connection_state_name(connection->state));
        } else if (question != NULL) {
            next_ms = earlier(next_ms, question->deadline_ms);
        }
    }
    return next_ms;
}

static int64_t expire_waiting(struct userdb *userdb, int64_t now)
{
    int64_t next_ms = INT64_MAX;
    struct userdb_connection *current = find_current(userdb);
    bool is_open = current != NULL && current->state == USERDB_OPEN;
    const char *phase = userdb->lookup != NULL ? "looking up the name"
                        : is_open || current == NULL
                            ? "in the queue"
                            : userdb_connection_state_name(current->state);
    struct userdb_request **at = &userdb->first;
    while (*at != NULL) {
        struct userdb_request *question = *at;
        if (question->deadline_ms > now) {
            next_ms = earlier(next_ms, question->deadline_ms);
            at = &question->next;
            continue;
        }
        *at = question->next;
        userdb->waiting_count--;
        if (current != NULL && !is_open) {
            current->silent_count++;
        }
        expire(question, phase);
    }
    userdb->last = at;
    return next_ms;
}

/* Who is silent for too long gets no more questions. */
static void part(struct userdb_connection *connection)
{
    if (connection->state == USERDB_CLOSED) {
        return;
    }
    if (connection->silent_count >= USERDB_SILENT) {
        struct error error;
        error_set(&error, ERROR_REMOTE, "Dovecot does not answer on this connection");
        userdb_connection_give_up(connection, &error);
    } else if (connection->state == USERDB_LEAVING && connection->count == 0) {
        userdb_connection_close(connection);
    }
}

static void on_deadline(void *argument)
{
    struct userdb *userdb = argument;
    int64_t now = clock_monotonic_ms();
    int64_t next_ms = expire_waiting(userdb, now);
    for (size_t i = 0; i < USERDB_CONNECTIONS; i++) {
        next_ms = earlier(next_ms, expire_asked(&userdb->connections[i], now));
        part(&userdb->connections[i]);
    }
    deadline_set(&userdb->deadline, next_ms);
    userdb_advance(userdb);
}

void userdb_asking_begin(struct userdb *userdb, struct userdb_request *question)
{
    if (userdb->waiting_count >= USERDB_WAITING) {
        struct error error;
        error_set(&error, ERROR_REMOTE, "%d questions wait for Dovecot's userdb already",
                  USERDB_WAITING);
        fail(question, &error);
        return;
    }
    question->deadline_ms = clock_monotonic_ms() + question->request.timeout_ms;
    question->next = NULL;
    *userdb->last = question;
    userdb->last = &question->next;
    userdb->waiting_count++;
    deadline_set(&userdb->deadline, question->deadline_ms);
    userdb_advance(userdb);
}

void userdb_asking_init(struct userdb *userdb)
{
    userdb->last = &userdb->first;
    deadline_init(&userdb->deadline, userdb->loop, on_deadline, userdb);
}

void userdb_asking_deinit(struct userdb *userdb)
{
    assert(userdb->first == NULL);
    for (size_t i = 0; i < USERDB_CONNECTIONS; i++) {
        assert(userdb->connections[i].count == 0);
        userdb_connection_close(&userdb->connections[i]);
    }
    if (userdb->lookup != NULL) {
        host_lookup_abandon(&userdb->lookup);
    }
    deadline_deinit(&userdb->deadline);
}
