/* SPDX-License-Identifier: MIT */
#include "quota_dialogue.h"

#include "base/log.h"

#include <stdlib.h>

static void test_answers_on_one_connection(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    start(&fixture, 4);
    int peer = converse(&fixture, "a@example.test");

    ask_begin(&fixture, &ask, "full@example.test", 0);
    read_question(peer, "full@example.test");
    say(peer, "action=" FULL "\n\n");
    expect_over(&ask, FULL);

    static const char *const unclear[][2] = {
        {"action=\n\n", "empty action"},
        {"action=DEFER_IF_PERMIT Internal error\n\n", "Internal error"},
        {"action=450 4.2.2 later\n\n", "later"},
        {"action=REJECT Unknown user\n\n", "quota_status_nouser"},
        {"action=HOLD\n\n", "unknown action"},
    };
    for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++) {
        ask_begin(&fixture, &ask, "b@example.test", 0);
        read_question(peer, "b@example.test");
        say(peer, unclear[i][0]);
        expect_failure(&ask, ERROR_REMOTE, unclear[i][1]);
    }

    ask_begin(&fixture, &ask, "c@example.test", 0);
    read_question(peer, "c@example.test");
    for (const char *at = "unknown=1\naction=DUNNO\n\n"; *at != '\0'; at++) {
        say(peer, (char[]){*at, '\0'});
    }
    expect_fits(&ask);
    converse_again(&fixture, peer, "d@example.test");
    stop(&fixture);
    await_close(peer);
}

static void test_nonsense_closes(void **unused)
{
    (void)unused;
    static char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    memcpy(endless, "action=", 7);
    static const char *const answers[][2] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "nonsense"},
        {"\n", "no action"},
        {endless, "without end"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fixture fixture;
        struct ask ask;
        start(&fixture, 4);
        ask_begin(&fixture, &ask, "a@example.test", 0);
        int peer = accept_peer(&fixture);
        read_question(peer, "a@example.test");
        say(peer, answers[i][0]);
        expect_failure(&ask, ERROR_REMOTE, answers[i][1]);
        await_close(peer);
        close(converse(&fixture, "b@example.test"));
        stop(&fixture);
    }
}

static void (*start_question)(struct request *request);
static int peer_that_talks;

/* On the loop thread, which cannot read in between. */
static void start_behind_bytes(struct request *request)
{
    say(peer_that_talks, "action=" FULL "\n\n");
    start_question(request);
}

static void test_extra_bytes_answer_nothing(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    start(&fixture, 1);
    ask_begin(&fixture, &ask, "a@example.test", 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "a@example.test");
    say(peer, "action=DUNNO\n\naction=" FULL "\n\n");
    expect_fits(&ask);
    await_close(peer);

    /* Nobody asked, and the loop has not seen it when the next question begins. */
    peer = converse(&fixture, "b@example.test");
    prepare(&fixture, &ask, "c@example.test", 0);
    start_question = ask.request.request.start;
    ask.request.request.start = start_behind_bytes;
    peer_that_talks = peer;
    ask_go(&ask);
    int next = accept_peer(&fixture);
    read_question(next, "c@example.test");
    say(next, "action=DUNNO\n\n");
    expect_fits(&ask);
    await_close(peer);
    converse_again(&fixture, next, "d@example.test");

    /* Nobody asked, and nobody does. */
    say(next, "action=" FULL "\n\n");
    await_close(next);
    stop(&fixture);
}

static void test_late_answer_is_not_the_next(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask late;
    struct ask next;
    start(&fixture, 1);
    ask_begin(&fixture, &late, "late@example.test", SHORT_MS);
    int peer = accept_peer(&fixture);
    read_question(peer, "late@example.test");
    expect_failure(&late, ERROR_TIMEOUT, "waiting for the answer");
    ask_begin(&fixture, &next, "next@example.test", 0);
    int other = accept_peer(&fixture);
    say(peer, "action=" FULL "\n\n");
    read_question(other, "next@example.test");
    say(peer, "action=" FULL "\n\n");
    say(other, "action=OK\n\n");
    expect_fits(&next);
    await_close(peer);

    /* The same on a kept-open connection, in the middle of an answer. */
    ask_begin(&fixture, &late, "late@example.test", SHORT_MS);
    read_question(other, "late@example.test");
    say(other, "action=");
    expect_failure(&late, ERROR_TIMEOUT, "waiting for the answer");
    ask_begin(&fixture, &next, "next@example.test", 0);
    say(other, FULL "\n\n");
    peer = accept_peer(&fixture);
    read_question(peer, "next@example.test");
    say(peer, "action=OK\n\n");
    expect_fits(&next);
    close(other);
    stop(&fixture);
    close(peer);
}

static void test_deadline_includes_the_queue(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask first;
    struct ask second;
    start(&fixture, 1);
    ask_begin(&fixture, &first, "first@example.test", 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "first@example.test");
    ask_begin(&fixture, &second, "second@example.test", SHORT_MS);
    expect_failure(&second, ERROR_TIMEOUT, "in the queue");
    assert_true(is_quiet(peer));
    say(peer, "action=DUNNO\n\n");
    expect_fits(&first);
    converse_again(&fixture, peer, "third@example.test");
    stop(&fixture);
    close(peer);
}

/* How far the server comes with a new connection before it closes. */
static void test_close_at_each_moment(void **unused)
{
    (void)unused;
    static const char *const answers[] = {NULL, "", "a", "action=DUNNO", "action=DUNNO\n"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fixture fixture;
        struct ask ask;
        start(&fixture, 4);
        ask_begin(&fixture, &ask, "a@example.test", 0);
        int peer = accept_peer(&fixture);
        if (answers[i] != NULL) {
            read_question(peer, "a@example.test");
            say(peer, answers[i]);
        }
        close(peer);
        expect_failure(&ask, ERROR_REMOTE, "closed the connection");
        assert_true(is_quiet(fixture.listener)); /* it was new: not asked again */
        close(converse(&fixture, "b@example.test"));
        close(converse(&fixture, "c@example.test")); /* closed while idle: never noticed */
        stop(&fixture);
    }
}

static void test_stale_connection_is_retried_once(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    start(&fixture, 1);
    int peer = converse(&fixture, "a@example.test");
    ask_begin(&fixture, &ask, "b@example.test", 0);
    read_question(peer, "b@example.test");
    close(peer);
    peer = accept_peer(&fixture);
    read_question(peer, "b@example.test");
    say(peer, "action=DUNNO\n\n");
    expect_fits(&ask);

    ask_begin(&fixture, &ask, "c@example.test", 0);
    read_question(peer, "c@example.test");
    close(peer);
    peer = accept_peer(&fixture);
    read_question(peer, "c@example.test");
    close(peer);
    expect_failure(&ask, ERROR_REMOTE, "closed the connection");
    assert_true(is_quiet(fixture.listener));

    /* Within the same deadline. */
    peer = converse(&fixture, "d@example.test");
    ask_begin(&fixture, &ask, "e@example.test", SHORT_MS);
    read_question(peer, "e@example.test");
    close(peer);
    peer = accept_peer(&fixture);
    read_question(peer, "e@example.test");
    expect_failure(&ask, ERROR_TIMEOUT, "waiting for the answer");
    close(peer);

    /* Not when the answer had begun. */
    peer = converse(&fixture, "f@example.test");
    ask_begin(&fixture, &ask, "g@example.test", 0);
    read_question(peer, "g@example.test");
    say(peer, "action=");
    close(peer);
    expect_failure(&ask, ERROR_REMOTE, "closed the connection");
    assert_true(is_quiet(fixture.listener));
    stop(&fixture);
}

static void test_restart_of_the_server(void **unused)
{
    (void)unused;
    struct fixture fixture;
    start(&fixture, 2);
    for (int i = 0; i < 3; i++) {
        int peer = converse(&fixture, "a@example.test");
        close(peer);
        close(fixture.listener);
        listen_inet(&fixture);
    }
    stop(&fixture);
}

static void test_idle_connection_is_closed(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    listen_inet(&fixture);
    start_client(&fixture, 1, 1);
    await_close(converse(&fixture, "a@example.test"));
    await_close(converse(&fixture, "b@example.test"));
    stop(&fixture);
}

static void test_connections_are_bounded(void **unused)
{
    (void)unused;

    enum { ASKS = 40, PEERS = 3 };
    struct fixture fixture;
    struct ask asks[ASKS];
    struct pollfd peers[PEERS];
    start(&fixture, PEERS);
    for (size_t i = 0; i < ASKS; i++) {
        ask_begin(&fixture, &asks[i], "a@example.test", 0);
    }
    for (size_t i = 0; i < PEERS; i++) {
        peers[i] = (struct pollfd){.fd = accept_peer(&fixture), .events = POLLIN};
    }
    for (size_t answered = 0; answered < ASKS;) {
        assert_true(poll(peers, PEERS, LIMIT_MS) > 0);
        assert_true(is_quiet(fixture.listener));
        for (size_t i = 0; i < PEERS; i++) {
            if (peers[i].revents == 0) {
                continue;
            }
            read_question(peers[i].fd, "a@example.test");
            assert_true(is_quiet(peers[i].fd)); /* one question at a time */
            say(peers[i].fd, "action=DUNNO\n\n");
            answered++;
        }
    }
    for (size_t i = 0; i < ASKS; i++) {
        expect_fits(&asks[i]);
    }
    assert_true(is_quiet(fixture.listener));
    stop(&fixture);
    for (size_t i = 0; i < PEERS; i++) {
        await_close(peers[i].fd);
    }
}

struct trio {
    struct loop *loop;
    struct quota_request requests[3];
};

static void *ask_three(void *argument)
{
    struct trio *trio = argument;
    struct request *requests[3];
    for (size_t i = 0; i < 3; i++) {
        requests[i] = &trio->requests[i].request;
    }
    request_wait(trio->loop, requests, 3);
    return NULL;
}

static void test_queue_keeps_order(void **unused)
{
    (void)unused;
    static const char *const mailboxes[] = {"1@example.test", "2@example.test",
                                            "3@example.test"};
    struct fixture fixture;
    struct ask first;
    start(&fixture, 1);
    ask_begin(&fixture, &first, "0@example.test", 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "0@example.test");

    struct trio trio = {.loop = fixture.loop};
    for (size_t i = 0; i < 3; i++) {
        quota_request_init(&trio.requests[i], fixture.client, mailboxes[i], 1000);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_three, &trio), 0);
    say(peer, "action=DUNNO\n\n");
    expect_fits(&first);
    for (size_t i = 0; i < 3; i++) {
        read_question(peer, mailboxes[i]);
        assert_true(is_quiet(peer));
        say(peer, i == 1 ? "action=" FULL "\n\n" : "action=DUNNO\n\n");
    }
    pthread_join(thread, NULL);
    assert_int_equal(trio.requests[0].result, QUOTA_FITS);
    assert_int_equal(trio.requests[1].result, QUOTA_OVER);
    assert_int_equal(trio.requests[2].result, QUOTA_FITS);
    stop(&fixture);
    close(peer);
}

static void test_silence_makes_it_away(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    start(&fixture, 1);
    for (int i = 0; i < 3; i++) {
        ask_begin(&fixture, &ask, "a@example.test", SHORT_MS);
        int peer = accept_peer(&fixture);
        read_question(peer, "a@example.test");
        expect_failure(&ask, ERROR_TIMEOUT, "no answer within 200 ms");
        await_close(peer);
    }
    expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "is away: no answer");
    assert_true(is_quiet(fixture.listener));
    stop(&fixture);
}

static void test_mailboxes_that_cannot_be_asked_for(void **unused)
{
    (void)unused;
    struct fixture fixture;
    start(&fixture, 1);
    char longest[QUOTA_MAILBOX_BYTES + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_refusal(&fixture, "", ERROR_RULE, "no mailbox");
    expect_refusal(&fixture, longest, ERROR_RULE, "no mailbox");
    expect_refusal(&fixture, "a\nsize=1@example.test", ERROR_RULE, "no mailbox");
    expect_refusal(&fixture, "a\r@example.test", ERROR_RULE, "no mailbox");
    expect_refusal(&fixture, "a\x7f@example.test", ERROR_RULE, "no mailbox");
    assert_true(is_quiet(fixture.listener));
    longest[sizeof longest - 2] = '\0';
    close(converse(&fixture, longest));
    close(converse(&fixture, "\"a b\"@\xc3\xa4.example.test"));
    stop(&fixture);
}

static void test_size_is_at_least_one(void **unused)
{
    (void)unused;
    static const int64_t sizes[][2] = {{0, 1}, {-5, 1}, {1, 1}, {INT64_MAX, INT64_MAX}};
    struct fixture fixture;
    start(&fixture, 1);
    int peer = converse(&fixture, "a@example.test");
    for (size_t i = 0; i < 4; i++) {
        struct ask ask = {.loop = fixture.loop};
        quota_request_init(&ask.request, fixture.client, "a@example.test", sizes[i][0]);
        assert_int_equal(pthread_create(&ask.thread, NULL, ask_main, &ask), 0);
        char expected[64];
        char got[1024] = "";
        snprintf(expected, sizeof expected, "\nsize=%" PRId64 "\n\n", sizes[i][1]);
        for (size_t length = 0; strstr(got, "\n\n") == NULL;) {
            await_readable(peer);
            ssize_t part = recv(peer, got + length, sizeof got - length - 1, 0);
            assert_true(part > 0);
            length += (size_t)part;
        }
        assert_non_null(strstr(got, expected));
        say(peer, "action=DUNNO\n\n");
        expect_fits(&ask);
    }
    stop(&fixture);
    close(peer);
}

int main(void)
{
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_on_one_connection),
        cmocka_unit_test(test_nonsense_closes),
        cmocka_unit_test(test_extra_bytes_answer_nothing),
        cmocka_unit_test(test_late_answer_is_not_the_next),
        cmocka_unit_test(test_deadline_includes_the_queue),
        cmocka_unit_test(test_close_at_each_moment),
        cmocka_unit_test(test_stale_connection_is_retried_once),
        cmocka_unit_test(test_restart_of_the_server),
        cmocka_unit_test(test_idle_connection_is_closed),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_queue_keeps_order),
        cmocka_unit_test(test_silence_makes_it_away),
        cmocka_unit_test(test_mailboxes_that_cannot_be_asked_for),
        cmocka_unit_test(test_size_is_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
