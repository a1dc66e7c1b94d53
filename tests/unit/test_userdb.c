/* SPDX-License-Identifier: MIT */
/* Dovecot's userdb, played by the test: every kind of answer, and of none. */
#include "userdb_dialogue.h"

#include "dovecot/connection.h"

static void test_answers(void **unused)
{
    (void)unused;
    static const char *const greetings[] = {GREETING_23, GREETING_24,
                                            "VERSION\t1\t9\nNEWS\tx\nCUID\t1\nSPID\t1\n"};
    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
        struct fixture fixture;
        struct ask asks[4];
        start(&fixture, 0);
        int peer = converse_first(&fixture, greetings[i]);

        ask_begin(&fixture, &asks[0], "A@example.test", 0);
        uint32_t first = read_question(peer, "A@example.test");
        ask_begin(&fixture, &asks[1], "b@example.test", 0);
        uint32_t second = read_question(peer, "b@example.test");
        ask_begin(&fixture, &asks[2], "c@example.test", 0);
        uint32_t third = read_question(peer, "c@example.test");
        ask_begin(&fixture, &asks[3], "d d@example.test", 0);
        uint32_t fourth = read_question(peer, "d d@example.test");

        answer(peer, "FAIL", fourth, "\treason=LDAP is away");
        expect_failed(&asks[3], ERROR_REMOTE, "Dovecot cannot tell: LDAP is away");
        answer(peer, "NOTFOUND", second, "");
        expect_not_found(&asks[1]);
        answer(peer, "USER", first, "\ta@example.test\tuid=5\tquota_rule=*:storage=1G");
        expect_found(&asks[0], "a@example.test", "uid=5 quota_rule=*:storage=1G ");
        answer(peer, "USER", third, "\tother@example.test\t");
        expect_found(&asks[2], "other@example.test", "");
        assert_true(is_quiet(fixture.listener));
        stop(&fixture);
        await_close(peer);
    }
}

/* Byte by byte, and two lines in one. */
static void test_split_lines(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask asks[2];
    char text[128];
    start(&fixture, 0);
    int peer = converse_first(&fixture, GREETING_23);
    for (size_t i = 0; i < 2; i++) {
        ask_begin(&fixture, &asks[i], "a@example.test", 0);
        uint32_t id = read_question(peer, "a@example.test");
        snprintf(text + strlen(text) * i, 64, "USER\t%" PRIu32 "\ta@b\thome=/\1t\n", id);
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        const char byte[2] = {text[i], '\0'};
        say(peer, byte);
    }
    expect_found(&asks[0], "a@b", "home=/\t ");
    expect_found(&asks[1], "a@b", "home=/\t ");
    stop(&fixture);
    close(peer);
}

/* What is no Dovecot, or speaks another version. */
static void test_greetings(void **unused)
{
    (void)unused;

    static const struct {
        const char *greeting;
        const char *reason;
    } cases[] = {
        {"VERSION\t2\t0\nSPID\t1\n", "speaks version 2"},
        {"220 mail ESMTP\n", "not Dovecot's auth master protocol"},
        {"SPID\t1\n", "no version"},
        {"VERSION\tx\n", "not Dovecot's auth master protocol: VERSION?x"},
        {"", "closed the connection"},
        {"VERSION\t1\t1\n", "closed the connection"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        struct ask ask;
        start(&fixture, 0);
        ask_begin(&fixture, &ask, "a@example.test", 0);
        int peer = greet_client(&fixture, cases[i].greeting);
        shutdown(peer, SHUT_WR);
        expect_failed(&ask, ERROR_REMOTE, cases[i].reason);
        close(peer);
        close(converse_first(&fixture, GREETING_23));
        stop(&fixture);
    }
}

/* A connection that is lost costs a question nothing, once. */
static void test_lost_connection(void **unused)
{
    (void)unused;
    static const char *const ends[] = {"", "HELLO\t1\n", "NOTFOUND\t4000000000\n",
                                       "NOTFOUND\n", "SPID\t1\n"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct fixture fixture;
        struct ask asks[3];
        start(&fixture, 0);
        int peer = converse_first(&fixture, GREETING_23);
        ask_begin(&fixture, &asks[0], "a@example.test", 0);
        uint32_t first = read_question(peer, "a@example.test");
        ask_begin(&fixture, &asks[1], "b@example.test", 0);
        read_question(peer, "b@example.test");
        answer(peer, "NOTFOUND", first, ""); /* is read before the end */
        say(peer, ends[i]);
        shutdown(peer, SHUT_WR);
        expect_not_found(&asks[0]);

        int again = greet_client(&fixture, GREETING_24);
        answer(again, "NOTFOUND", read_question(again, "b@example.test"), "");
        expect_not_found(&asks[1]);
        close(peer);

        ask_begin(&fixture, &asks[2], "c@example.test", 0);
        read_question(again, "c@example.test");
        close(again);
        again = greet_client(&fixture, GREETING_23);
        read_question(again, "c@example.test");
        close(again);
        expect_failed(&asks[2], ERROR_REMOTE, "closed the connection");
        assert_true(is_quiet(fixture.listener));
        stop(&fixture);
    }
}

static void test_closed_while_idle(void **unused)
{
    (void)unused;
    struct fixture fixture;
    start(&fixture, 0);
    for (int i = 0; i < 3; i++) {
        close(converse_first(&fixture, GREETING_23));
    }
    stop(&fixture);
}

static void test_away(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    start(&fixture, 0);
    int peer = converse_first(&fixture, GREETING_23);
    go_away(&fixture);
    ask_begin(&fixture, &ask, "a@example.test", 0);
    read_question(peer, "a@example.test");
    close(peer);
    expect_failed(&ask, ERROR_REMOTE, "/socket: cannot connect: No such file");
    ask_begin(&fixture, &ask, "a@example.test", 0);
    expect_failed(&ask, ERROR_REMOTE, "cannot connect: No such file");
    listen_unix(&fixture);
    close(converse_first(&fixture, GREETING_23));
    stop(&fixture);
}

/* The late answer of a question is not taken for that of another one. */
static void test_late_answer(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask asks[2];
    start(&fixture, 0);
    int peer = converse_first(&fixture, GREETING_23);
    ask_begin(&fixture, &asks[0], "a@example.test", SHORT_MS);
    uint32_t late = read_question(peer, "a@example.test");
    expect_failed(&asks[0], ERROR_TIMEOUT, "within 200 ms: waiting for the answer");
    ask_begin(&fixture, &asks[1], "b@example.test", 0);
    uint32_t id = read_question(peer, "b@example.test");
    answer(peer, "USER", late, "\ta@example.test");
    answer(peer, "NOTFOUND", late, ""); /* nor if it comes twice */
    answer(peer, "NOTFOUND", id, "");
    expect_not_found(&asks[1]);
    converse(&fixture, peer, "c@example.test");
    stop(&fixture);
    close(peer);
}

/* Who lets several questions run out of time is left, and what is under way with him is
 * asked elsewhere. */
static void test_silence(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask patient;
    struct ask asks[USERDB_SILENT];
    start(&fixture, 0);
    int silent = converse_first(&fixture, GREETING_23);
    ask_begin(&fixture, &patient, "patient@example.test", 0);
    read_question(silent, "patient@example.test");
    for (size_t i = 0; i < USERDB_SILENT; i++) {
        assert_true(is_quiet(fixture.listener));
        ask_begin(&fixture, &asks[i], "a@example.test", SHORT_MS / 4);
        read_question(silent, "a@example.test");
        expect_failed(&asks[i], ERROR_TIMEOUT, "waiting for the answer");
    }
    await_close(silent);
    int peer = greet_client(&fixture, GREETING_23);
    answer(peer, "NOTFOUND", read_question(peer, "patient@example.test"), "");
    expect_not_found(&patient);

    /* An answer in between, be it a late one, shows that somebody is there. */
    uint32_t late = 0;
    for (size_t i = 0; i < USERDB_SILENT; i++) {
        struct ask ask;
        ask_begin(&fixture, &ask, "a@example.test", SHORT_MS / 4);
        late = read_question(peer, "a@example.test");
        expect_failed(&ask, ERROR_TIMEOUT, "waiting for the answer");
        answer(peer, "NOTFOUND", late, "");
    }
    converse(&fixture, peer, "b@example.test");
    stop(&fixture);
    close(peer);
}

static void test_no_greeting(void **unused)
{
    (void)unused;
    struct fixture fixture;
    start(&fixture, 0);
    for (size_t i = 0; i < USERDB_SILENT; i++) {
        struct ask ask;
        ask_begin(&fixture, &ask, "a@example.test", SHORT_MS / 4);
        expect_failed(&ask, ERROR_TIMEOUT, "waiting for its greeting");
    }
    await_close(accept_client(&fixture));
    close(converse_first(&fixture, GREETING_23));
    stop(&fixture);
}

/* An answer longer than the input costs nobody but who asked. */
static void test_long_answer(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask asks[2];
    start(&fixture, 0);
    int peer = converse_first(&fixture, GREETING_23);
    ask_begin(&fixture, &asks[0], "a@example.test", 0);
    uint32_t first = read_question(peer, "a@example.test");
    ask_begin(&fixture, &asks[1], "b@example.test", 0);
    uint32_t second = read_question(peer, "b@example.test");
    char text[128];
    snprintf(text, sizeof text, "USER\t%" PRIu32 "\ta@b\tx=", first);
    say(peer, text);
    for (size_t i = 0; i < 3 * USERDB_LINE_BYTES / 100; i++) {
        memset(text, 'x', 100);
        text[100] = '\0';
        say(peer, text);
    }
    say(peer, "\n");
    answer(peer, "USER", second, "\tb@example.test");
    expect_failed(&asks[0], ERROR_REMOTE, "longer than");
    expect_found(&asks[1], "b@example.test", "");
    stop(&fixture);
    close(peer);
}

static void test_names(void **unused)
{
    (void)unused;
    char name[1100];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *const bad[] = {"", "a\tb@example.test", "a\nb", name};
    struct fixture fixture;
    start(&fixture, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ask ask;
        ask_begin(&fixture, &ask, bad[i], 0);
        expect_failed(&ask, ERROR_RULE, "no name to ask");
    }
    assert_true(is_quiet(fixture.listener));
    stop(&fixture);
}

/* An old connection is left: at once when no answer is due, else behind the last one. */
static void test_renewal(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask asks[2];
    start(&fixture, SHORT_MS);
    await_close(converse_first(&fixture, GREETING_23));
    assert_true(is_quiet(fixture.listener));

    ask_begin(&fixture, &asks[0], "slow@example.test", 0);
    int old = greet_client(&fixture, GREETING_23);
    uint32_t slow = read_question(old, "slow@example.test");
    int peer = -1;
    while (peer < 0) { /* until the connection is old enough */
        ask_begin(&fixture, &asks[1], "b@example.test", 0);
        struct pollfd entries[2] = {{.fd = old, .events = POLLIN},
                                    {.fd = fixture.listener, .events = POLLIN}};
        assert_true(poll(entries, 2, LIMIT_MS) > 0);
        peer = entries[1].revents != 0 ? greet_client(&fixture, GREETING_23) : -1;
        int asked = peer >= 0 ? peer : old;
        answer(asked, "NOTFOUND", read_question(asked, "b@example.test"), "");
        expect_not_found(&asks[1]);
    }
    answer(old, "USER", slow, "\tslow@example.test");
    expect_found(&asks[0], "slow@example.test", "");
    await_close(old);
    stop(&fixture);
    close(peer);
}

static void *answer_all(void *argument)
{
    int peer = *(int *)argument;
    uint32_t ids[USERDB_UNDER_WAY];
    for (size_t i = 0; i < USERDB_UNDER_WAY; i++) {
        ids[i] = read_question(peer, "a@example.test");
    }
    /* No more on one connection. */
    assert_true(is_quiet(peer));
    for (size_t i = USERDB_UNDER_WAY; i > 0; i--) {
        answer(peer, "NOTFOUND", ids[i - 1], "");
    }
    for (size_t i = 0; i < 100; i++) {
        answer(peer, "NOTFOUND", read_question(peer, "a@example.test"), "");
    }
    return NULL;
}

enum { TOO_MANY = 10000 + 100 };

static struct userdb_request questions[TOO_MANY];
static struct request *requests[TOO_MANY];

/* All at once, and waits for all. */
static void ask_all(struct fixture *fixture, size_t count, int timeout_ms)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < count; i++) {
        userdb_request_init(&questions[i], fixture->userdb, "a@example.test", timeout_ms,
                            arena);
        requests[i] = &questions[i].request;
    }
    request_wait(fixture->loop, requests, count);
    arena_free(&arena);
}

static void test_many(void **unused)
{
    (void)unused;

    enum { COUNT = USERDB_UNDER_WAY + 100 };
    struct fixture fixture;
    pthread_t server;
    start(&fixture, 0);
    int peer = converse_first(&fixture, GREETING_23);
    assert_int_equal(pthread_create(&server, NULL, answer_all, &peer), 0);
    ask_all(&fixture, COUNT, PATIENT_MS);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(requests[i]->ok);
    }
    pthread_join(server, NULL);
    stop(&fixture);
    close(peer);
}

/* Nobody reads: what does not fit into the queue fails at once, the rest in time. */
static void test_too_many(void **unused)
{
    (void)unused;
    struct fixture fixture;
    size_t refused = 0;
    start(&fixture, 0);
    ask_all(&fixture, TOO_MANY, SHORT_MS);
    for (size_t i = 0; i < TOO_MANY; i++) {
        assert_false(requests[i]->ok);
        refused += requests[i]->error.kind == ERROR_REMOTE ? 1 : 0;
    }
    assert_int_equal(refused, 100);
    stop(&fixture);
}

static void test_bad_settings(void **unused)
{
    (void)unused;

    static const struct {
        const char *where;
        const char *service;
        const char *reason;
    } cases[] = {
        {"nonsense", "lmtp", "dovecot.userdb: nonsense: needs inet:host:port"},
        {"tls:host:1", "lmtp", "has no TLS"},
        {"unix:/x", "", "dovecot.service: needs"},
        {"unix:/x", "a b", "dovecot.service: needs"},
        {"unix:/x", "a\tb", "dovecot.service: needs"},
    };
    struct error error;
    struct loop *loop = loop_start(&error);
    assert_non_null(loop);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct userdb_settings settings = {.where = cases[i].where,
                                                 .service = cases[i].service};
        assert_null(userdb_new(loop, &settings, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.text, cases[i].reason));
    }
    loop_stop(&loop);
}

static void test_unknown_host(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct error error;
    struct ask ask;
    const struct userdb_settings settings = {.where = "inet:nobody.invalid:12345",
                                             .service = "lmtp"};
    fixture.loop = loop_start(&error);
    assert_non_null(fixture.loop);
    fixture.userdb = userdb_new(fixture.loop, &settings, &error);
    assert_non_null(fixture.userdb);
    ask_begin(&fixture, &ask, "a@example.test", 0);
    expect_failed(&ask, ERROR_REMOTE, "cannot look up nobody.invalid");
    userdb_free(&fixture.userdb);
    loop_stop(&fixture.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_split_lines),
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_lost_connection),
        cmocka_unit_test(test_closed_while_idle),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_no_greeting),
        cmocka_unit_test(test_long_answer),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_unknown_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
