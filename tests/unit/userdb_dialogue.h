/* SPDX-License-Identifier: MIT */
/* Both ends of a dialogue over Dovecot's auth master protocol: questions are asked by
 * threads, and the test plays the server, step by step. */
#ifndef FOREGATE_TESTS_USERDB_DIALOGUE_H
#define FOREGATE_TESTS_USERDB_DIALOGUE_H

#include "dovecot/userdb.h"
#include "peer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define GREETING_23 "VERSION\t1\t1\nSPID\t77\n"
#define GREETING_24 "VERSION\t1\t4\nSPID\t77\n"

struct fixture {
    struct loop *loop;
    struct userdb *userdb;
    int listener;
    char folder[32];
    char where[64];
};

struct ask {
    struct userdb_request request;
    struct loop *loop;
    struct arena *arena;
    pthread_t thread;
};

static inline void listen_unix(struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->where + 5);
    unlink(address.sun_path);
    fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, sizeof address),
                     0);
    assert_int_equal(listen(fixture->listener, 64), 0);
}

static inline void start(struct fixture *fixture, int renew_ms)
{
    struct error error;
    *fixture = (struct fixture){.folder = "/tmp/foregate-userdb-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->where, sizeof fixture->where, "unix:%s/socket", fixture->folder);
    listen_unix(fixture);
    const struct userdb_settings settings = {
        .where = fixture->where, .service = "lmtp", .renew_ms = renew_ms};
    fixture->loop = loop_start(&error);
    assert_non_null(fixture->loop);
    fixture->userdb = userdb_new(fixture->loop, &settings, &error);
    assert_non_null(fixture->userdb);
}

/* Nobody listens any more. */
static inline void go_away(struct fixture *fixture)
{
    close(fixture->listener);
    fixture->listener = -1;
    unlink(fixture->where + 5);
}

static inline void stop(struct fixture *fixture)
{
    userdb_free(&fixture->userdb);
    loop_stop(&fixture->loop);
    if (fixture->listener >= 0) {
        go_away(fixture);
    }
    rmdir(fixture->folder);
}

static inline void *ask_main(void *argument)
{
    struct ask *ask = argument;
    request_wait(ask->loop, (struct request *[]){&ask->request.request}, 1);
    return NULL;
}

/* timeout_ms 0: patient. */
static inline void ask_begin(struct fixture *fixture, struct ask *ask, const char *name,
                             int timeout_ms)
{
    ask->loop = fixture->loop;
    ask->arena = arena_new();
    userdb_request_init(&ask->request, fixture->userdb, name,
                        timeout_ms > 0 ? timeout_ms : PATIENT_MS, ask->arena);
    assert_int_equal(pthread_create(&ask->thread, NULL, ask_main, ask), 0);
}

/* fields: `name=value ` of each. */
static inline void expect_found(struct ask *ask, const char *user, const char *fields)
{
    char text[512] = "";
    size_t length = 0;
    pthread_join(ask->thread, NULL);
    if (!ask->request.request.ok) {
        fail_msg("cannot tell: %s", ask->request.request.error.text);
    }
    const struct userdb_answer *answer = &ask->request.answer;
    assert_int_equal(answer->kind, ANSWER_FOUND);
    assert_string_equal(answer->user, user);
    for (size_t i = 0; i < answer->count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s=%s ",
                                   answer->fields[i].name, answer->fields[i].value);
    }
    assert_string_equal(text, fields);
    arena_free(&ask->arena);
}

static inline void expect_not_found(struct ask *ask)
{
    pthread_join(ask->thread, NULL);
    assert_true(ask->request.request.ok);
    assert_int_equal(ask->request.answer.kind, ANSWER_NOT_FOUND);
    arena_free(&ask->arena);
}

static inline void expect_failed(struct ask *ask, enum error_kind kind, const char *part)
{
    pthread_join(ask->thread, NULL);
    const struct request *request = &ask->request.request;
    assert_false(request->ok);
    assert_int_equal(ask->request.answer.kind, ANSWER_FAILED);
    if (request->error.kind != kind || strstr(request->error.text, part) == NULL) {
        fail_msg("%s: %s", error_kind_name(request->error.kind), request->error.text);
    }
    arena_free(&ask->arena);
}

/* Up to its LF, which is left out. */
static inline void read_line(int peer, char *line, size_t size)
{
    size_t length = 0;
    for (;;) {
        assert_true(length < size);
        await_readable(peer);
        assert_int_equal(recv(peer, line + length, 1, 0), 1);
        if (line[length] == '\n') {
            line[length] = '\0';
            return;
        }
        length++;
    }
}

/* Accepts a connection and reads what the client says first. */
static inline int accept_client(struct fixture *fixture)
{
    char line[64];
    int peer = accept_from(fixture->listener);
    read_line(peer, line, sizeof line);
    assert_string_equal(line, "VERSION\t1\t0");
    return peer;
}

static inline int greet_client(struct fixture *fixture, const char *greeting)
{
    int peer = accept_client(fixture);
    say(peer, greeting);
    return peer;
}

/* Its id. */
static inline uint32_t read_question(int peer, const char *name)
{
    char line[2048];
    char expected[2048];
    uint32_t id = 0;
    read_line(peer, line, sizeof line);
    assert_int_equal(sscanf(line, "USER\t%" SCNu32, &id), 1);
    snprintf(expected, sizeof expected, "USER\t%" PRIu32 "\t%s\tservice=lmtp", id, name);
    assert_string_equal(line, expected);
    return id;
}

/* `USER id rest`: rest is behind the id. */
static inline void answer(int peer, const char *word, uint32_t id, const char *rest)
{
    char line[512];
    snprintf(line, sizeof line, "%s\t%" PRIu32 "%s\n", word, id, rest);
    say(peer, line);
}

/* One question, answered, on a connection that is open. */
static inline void converse(struct fixture *fixture, int peer, const char *name)
{
    struct ask ask;
    ask_begin(fixture, &ask, name, 0);
    answer(peer, "NOTFOUND", read_question(peer, name), "");
    expect_not_found(&ask);
    assert_true(is_quiet(fixture->listener));
}

/* The same on a new one. */
static inline int converse_first(struct fixture *fixture, const char *greeting)
{
    struct ask ask;
    ask_begin(fixture, &ask, "first@example.test", 0);
    int peer = greet_client(fixture, greeting);
    answer(peer, "NOTFOUND", read_question(peer, "first@example.test"), "");
    expect_not_found(&ask);
    return peer;
}

#endif
