/* SPDX-License-Identifier: MIT */
/* HTTP requests against a server of our own on loopback, which says byte by byte what the
 * case wants, and names that are looked up for as long as the test likes. */
#include "http_server.h"

#include "io/http.h"

#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 500, LIMIT_MS = 10000, MAX_BODY = 100, REQUESTS = 4 };

/* Answers to /N: what is sent, and whether the server hangs up behind it. */
struct expectation {
    const char *answer; /* NULL: silence */
    bool hangs_up;
    int status;       /* 0: none */
    const char *text; /* the body, or a part of the error */
};

#define H200 "HTTP/1.1 200 OK\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct expectation expectations[] = {
    {H200 "Content-Length: 2\r\n\r\nhi", false, 200, "hi"},
    {H200 "Content-Length: 0\r\n\r\n", false, 200, ""},
    {H200 "\r\nuntil the end", true, 200, "until the end"},
    {H200 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\nX: y\r\n\r\n",
     false, 200, "hi ho"},
    {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, ""},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false, 304, ""},
    {"HTTP/1.1 301 Moved\r\nLocation: /0\r\nContent-Length: 1\r\n\r\nm", false, 301, "m"},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nn", false, 404, "n"},
    {"HTTP/1.1 500 Oops\r\nContent-Length: 1\r\n\r\no", false, 500, "o"},
    {"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
     false, 401, ""},
    {"HTTP/1.0 200 OK\r\n\r\nold", true, 200, "old"},
    {"HTTP/1.1 100 Continue\r\n\r\n" H200 "Content-Length: 1\r\n\r\nc", false, 200, "c"},
    {"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" H200 "Content-Length: 1\r\n\r\nh", false, 200,
     "h"},
    {H200 "Content-Length: 100\r\n\r\n" HUNDRED, false, 200, HUNDRED},
    {H200 "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", false, 200,
     "\x1f\x8b"},

    {H200 "Content-Length: 101\r\n\r\n" HUNDRED "x", false, 0, "longer than 100 bytes"},
    {H200 "Transfer-Encoding: chunked\r\n\r\n65\r\n" HUNDRED "x\r\n0\r\n\r\n", false, 0,
     "longer than 100 bytes"},
    {H200 "\r\n" HUNDRED "x", true, 0, "longer than 100 bytes"},
    {H200 "Content-Length: 3\r\n\r\nhi", true, 0, "1 bytes remaining"},
    {H200 "Transfer-Encoding: chunked\r\n\r\n2\r\nh", true, 0, "remaining"},
    {H200 "Transfer-Encoding: chunked\r\n\r\nzz\r\n", true, 0, "http GET http://"},
    {H200 "Content-Length: x\r\n\r\n", true, 0, "Content-Length"},
    {H200 "X-Half: hea", true, 0, "cut off"},
    {"HTTP/1.1 100 Continue\r\n\r\n" H200 "X: y\r\n", true, 0, "cut off"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", true, 0, "http GET http://"},
    {"HTTP/1.1 99 Odd\r\n\r\n", true, 0, "http GET http://"},
    {"garbage\r\n\r\n", true, 0, "HTTP/0.9"},
    {"SSH-2.0-OpenSSH\r\n", true, 0, "HTTP/0.9"},
    {"\x16\x03\x01\x02", true, 0, "HTTP/0.9"},
    {"", true, 0, "Empty reply"},
    {NULL, false, 0, "no answer within 500 ms: nothing came"},
    {H200 "Content-Length: 3\r\n\r\nhi", false, 0, "no answer within 500 ms: the answer"},
};

enum { CASES = sizeof expectations / sizeof expectations[0] };

static const char *server_answer(size_t number, bool *goes_on)
{
    const struct expectation *say = &expectations[number < CASES ? number : 0];
    *goes_on = !say->hangs_up;
    return say->answer;
}

/* In place of the C library's, for libcurl as well: slow.test is found when the test says
 * so, fast.test at once, and nothing else. */
static pthread_mutex_t lookup_lock = PTHREAD_MUTEX_INITIALIZER; /* protects the next two */
static bool lookup_held;
static int lookup_count;
static pthread_cond_t lookup_changed = PTHREAD_COND_INITIALIZER;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    if (strcmp(name, "slow.test") == 0) {
        pthread_mutex_lock(&lookup_lock);
        lookup_count++;
        pthread_cond_broadcast(&lookup_changed);
        while (lookup_held) {
            pthread_cond_wait(&lookup_changed, &lookup_lock);
        }
        lookup_count--;
        pthread_cond_broadcast(&lookup_changed);
        pthread_mutex_unlock(&lookup_lock);
    } else if (strcmp(name, "fast.test") != 0) {
        return EAI_NONAME;
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_true(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGPIPE) == 1);
    struct sockaddr_in *address = calloc(1, sizeof *address);
    struct addrinfo *one = calloc(1, sizeof *one);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->sin_port = htons((uint16_t)strtoul(service, NULL, 10));
    one->ai_family = AF_INET;
    one->ai_socktype = hints->ai_socktype;
    one->ai_addrlen = sizeof *address;
    one->ai_addr = (struct sockaddr *)address;
    *found = one;
    return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void freeaddrinfo(struct addrinfo *found)
{
    free(found->ai_addr);
    free(found);
}

static void hold_lookups(bool hold)
{
    pthread_mutex_lock(&lookup_lock);
    lookup_held = hold;
    pthread_cond_broadcast(&lookup_changed);
    pthread_mutex_unlock(&lookup_lock);
}

static void wait_lookups(int wanted)
{
    pthread_mutex_lock(&lookup_lock);
    while (lookup_count != wanted) {
        pthread_cond_wait(&lookup_changed, &lookup_lock);
    }
    pthread_mutex_unlock(&lookup_lock);
}

struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct arena *arena;
};

static void begin(struct fixture *fixture, int idle_ms)
{
    struct error error = {0};
    fixture->loop = loop_start(&error);
    assert_non_null(fixture->loop);
    const struct http_settings settings = {.timeout_ms = TIMEOUT_MS,
                                           .requests = REQUESTS,
                                           .max_body = MAX_BODY,
                                           .idle_ms = idle_ms};
    fixture->client = http_client_new(fixture->loop, &settings, &error);
    if (fixture->client == NULL) {
        fail_msg("%s", error.text);
    }
    fixture->arena = arena_new();
}

static void end(struct fixture *fixture)
{
    arena_free(&fixture->arena);
    http_client_free(&fixture->client);
    loop_stop(&fixture->loop);
}

static void fill(struct fixture *fixture, struct http_request *request, const char *host,
                 size_t number)
{
    char url[100];
    snprintf(url, sizeof url, "http://%s:%d/%zu", host, server.port, number);
    const struct http_question question = {.url = url, .url_length = strlen(url)};
    struct error error = {0};
    if (!http_request_init(request, fixture->client, &question, fixture->arena, &error)) {
        fail_msg("%s: %s", url, error.text);
    }
}

static void ask(struct fixture *fixture, struct http_request *request, const char *host,
                size_t number)
{
    fill(fixture, request, host, number);
    request->request.timeout_ms = LIMIT_MS;
    request_wait(fixture->loop, (struct request *[]){&request->request}, 1);
}

static void test_answers(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, LIMIT_MS);
    for (size_t i = 0; i < CASES; i++) {
        const struct expectation *want = &expectations[i];
        struct http_request request;
        fill(&fixture, &request, "127.0.0.1", i);
        bool is_late = strstr(want->text, "within") != NULL;
        request.request.timeout_ms = is_late ? TIMEOUT_MS : LIMIT_MS;
        request_wait(fixture.loop, (struct request *[]){&request.request}, 1);
        const struct http_answer *answer = &request.answer;
        const struct error *error = &request.request.error;
        bool right = request.request.ok == (want->status != 0);
        if (right && want->status != 0) {
            right = answer->status == want->status &&
                    answer->body_length == strlen(want->text) &&
                    strcmp(answer->body, want->text) == 0;
        } else if (right) {
            right = strstr(error->text, want->text) != NULL;
        }
        if (!right) {
            fail_msg("case %zu: %d \"%s\" %s", i, answer->status,
                     answer->body != NULL ? answer->body : "", error->text);
        }
        assert_true(request.request.ok ||
                    error->kind == (is_late ? ERROR_TIMEOUT : ERROR_REMOTE));
    }
    end(&fixture);
    wait_count(&server.open_count, 0);
}

struct sent {
    const char *method;
    const char *body;
    const char *first;  /* line */
    const char *absent; /* from all of it */
};

static void expect_sent(struct fixture *fixture, const struct sent *want)
{
    static const struct http_header headers[] = {
        {"X-Empty", 7, "", 0}, {"X-One", 5, "two three", 9}, {"user-agent", 10, "Us", 2}};
    static const char *const wanted[] = {"\r\nX-Empty:\r\n", "\r\nX-One: two three\r\n",
                                         "\r\nuser-agent: Us\r\n",
                                         "\r\nAuthorization: Basic dTpw\r\n"};
    char url[100];
    snprintf(url, sizeof url, "http://u:p@127.0.0.1:%d/0?q=1#part", server.port);
    const struct http_question question = {
        .method = want->method,
        .url = url,
        .url_length = strlen(url),
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = want->body,
        .body_length = want->body != NULL ? strlen(want->body) : 0};
    struct error error;
    struct http_request request;
    assert_true(
        http_request_init(&request, fixture->client, &question, fixture->arena, &error));
    request_wait(fixture->loop, (struct request *[]){&request.request}, 1);
    assert_true(request.request.ok);
    const char *heard = server.heard;
    assert_memory_equal(heard, want->first, strlen(want->first));
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(heard, wanted[i]) == NULL) {
            fail_msg("no %s in %s", wanted[i], heard);
        }
    }
    assert_null(strstr(heard, want->absent));
    assert_null(strstr(heard, "Accept-Encoding"));
    assert_null(strstr(heard, "Cookie"));
    assert_string_equal(strstr(heard, "\r\n\r\n") + 4,
                        want->body != NULL ? want->body : "");
}

/* A proxy of the environment is not asked. */
static void test_question_as_sent(void **unused)
{
    (void)unused;
    static const struct sent cases[] = {
        {NULL, NULL, "GET /0?q=1 HTTP/1.1\r\n", "Content-Length"},
        {"DELETE", NULL, "DELETE /0?q=1 HTTP/1.1\r\n", "Content-Length"},
        {NULL, "abc", "POST /0?q=1 HTTP/1.1\r\n", "Expect"},
        {"PUT", NULL, "PUT /0?q=1 HTTP/1.1\r\n", "Content-Type"},
        {"PATCH", "", "PATCH /0?q=1 HTTP/1.1\r\n", "Content-Type"},
    };
    struct fixture fixture;
    begin(&fixture, LIMIT_MS);
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_sent(&fixture, &cases[i]);
    }
    unsetenv("http_proxy");
    end(&fixture);
}

static void test_kept_open(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, 100);
    wait_count(&server.open_count, 0);
    int before = server_count(&server.connection_count);
    for (int i = 0; i < 10; i++) {
        struct http_request request;
        ask(&fixture, &request, "fast.test", 0);
        assert_true(request.request.ok);
    }
    assert_int_equal(server_count(&server.connection_count), before + 1);
    wait_count(&server.open_count, 0); /* idle */
    struct http_request request;
    ask(&fixture, &request, "fast.test", 0);
    assert_true(request.request.ok);
    end(&fixture);
    wait_count(&server.open_count, 0);
}

/* The loop thread is never held up; who waits is told in time; who is no longer waited for
 * counts until the resolver is through. */
static void test_slow_names(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, LIMIT_MS);
    hold_lookups(true);
    struct http_request slow[REQUESTS];
    struct request *waited[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        fill(&fixture, &slow[i], "slow.test", 0);
        slow[i].request.timeout_ms = 50;
        waited[i] = &slow[i].request;
    }
    int64_t begin_ms = clock_monotonic_ms();
    request_wait(fixture.loop, waited, REQUESTS);
    assert_true(clock_monotonic_ms() - begin_ms < LIMIT_MS);
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_false(slow[i].request.ok);
        assert_int_equal(slow[i].request.error.kind, ERROR_TIMEOUT);
        assert_non_null(strstr(slow[i].request.error.text, "50 ms: looking up the name"));
    }
    memset(slow, 0xa5, sizeof slow);
    struct http_request request;
    /* For longer than libcurl itself would wait for the name. */
    for (int64_t end_ms = clock_monotonic_ms() + 300; clock_monotonic_ms() < end_ms;) {
        arena_reset(fixture.arena);
        ask(&fixture, &request, "127.0.0.1", 0);
        assert_false(request.request.ok);
        assert_non_null(
            strstr(request.request.error.text, "4 requests are under way already"));
    }
    int before = server_count(&server.connection_count);
    hold_lookups(false);
    wait_lookups(0);
    int64_t end_ms = clock_monotonic_ms() + LIMIT_MS;
    do {
        arena_reset(fixture.arena);
        ask(&fixture, &request, "127.0.0.1", 0);
        assert_true(clock_monotonic_ms() < end_ms);
    } while (!request.request.ok);
    assert_int_equal(server_count(&server.connection_count), before + 1);
    ask(&fixture, &request, "slow.test", 0);
    assert_true(request.request.ok);
    end(&fixture);
}

static void test_end_while_looking_up(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, LIMIT_MS);
    hold_lookups(true);
    struct http_request request;
    fill(&fixture, &request, "slow.test", 0);
    request.request.timeout_ms = 20;
    request_wait(fixture.loop, (struct request *[]){&request.request}, 1);
    assert_false(request.request.ok);
    end(&fixture); /* does not wait for the name */
    hold_lookups(false);
    wait_lookups(0);
}

static void test_unknown_names_and_nobody(void **unused)
{
    (void)unused;
    struct fixture fixture;
    begin(&fixture, LIMIT_MS);
    struct http_request request;
    ask(&fixture, &request, "unknown.test", 0);
    assert_false(request.request.ok);
    assert_non_null(strstr(request.request.error.text, "resolve host"));
    int port = server.port;
    server.port = 1;
    ask(&fixture, &request, "127.0.0.1", 0);
    server.port = port;
    assert_false(request.request.ok);
    assert_non_null(strstr(request.request.error.text, "Connection refused"));
    end(&fixture);
}

static int descriptor_count(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void test_nothing_stays_open(void **unused)
{
    (void)unused;
    wait_count(&server.open_count, 0);
    int before = descriptor_count();
    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        begin(&fixture, 20);
        for (size_t j = 0; j < CASES; j++) {
            struct http_request request;
            fill(&fixture, &request, "fast.test", j);
            request.request.timeout_ms = 30;
            request_wait(fixture.loop, (struct request *[]){&request.request}, 1);
        }
        wait_count(&server.open_count, 0);
        end(&fixture);
    }
    assert_int_equal(descriptor_count(), before);
}

static void test_bad_settings(void **unused)
{
    (void)unused;
    struct error error = {0};
    struct loop *loop = loop_start(&error);
    struct http_settings settings = {
        .ca = "/nonexistent.pem", .timeout_ms = 1, .requests = 1, .idle_ms = 1};
    assert_null(http_client_new(loop, &settings, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "http.ca: /nonexistent.pem: No such file"));
    settings.ca = "";
    settings.requests = 0;
    assert_null(http_client_new(loop, &settings, &error));
    loop_stop(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_question_as_sent),
        cmocka_unit_test(test_kept_open),
        cmocka_unit_test(test_slow_names),
        cmocka_unit_test(test_end_while_looking_up),
        cmocka_unit_test(test_unknown_names_and_nobody),
        cmocka_unit_test(test_nothing_stays_open),
        cmocka_unit_test(test_bad_settings),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
