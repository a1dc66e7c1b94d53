/* SPDX-License-Identifier: MIT */
/* Where the service is, and what happens while it is not there. */
#include "quota_dialogue.h"

#include "base/log.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

static atomic_int connect_count;
static atomic_int lookup_count;
static sem_t hanging_may_end; /* hangs.test */
static sem_t held_may_end;    /* held.test */

/* In place of libc's: counts. */
int connect(int descriptor, const struct sockaddr *address, socklen_t length)
{
    connect_count++;
    return (int)syscall(SYS_connect, descriptor, address, length);
}

/* In place of libc's: what a resolver does for some names. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*original)(const char *, const char *, const struct addrinfo *,
                    struct addrinfo **);
    *(void **)&original = dlsym(RTLD_NEXT, "getaddrinfo");
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        return original(host, port, hints, found);
    }
    lookup_count++;
    if (strcmp(host, "hangs.test") == 0) {
        sem_wait(&hanging_may_end);
    }
    if (strcmp(host, "held.test") == 0) {
        sem_wait(&held_may_end);
    }
    if (strcmp(host, "two.test") == 0) {
        int result = original("127.0.0.2", port, hints, found);
        return result != 0 ? result
                           : original("127.0.0.1", port, hints, &(*found)->ai_next);
    }
    bool is_known = strcmp(host, "one.test") == 0 || strcmp(host, "held.test") == 0;
    return is_known ? original("127.0.0.1", port, hints, found) : EAI_NONAME;
}

static void test_bad_settings(void **unused)
{
    (void)unused;
    static const struct quota_client_settings bad[] = {
        {.service = "nonsense", .timeout_ms = 1000, .connections = 4},
        {.service = "unix:/x", .timeout_ms = 0, .connections = 4},
        {.service = "unix:/x", .timeout_ms = 1000, .connections = 0},
        {.service = "unix:/x", .timeout_ms = 1000, .connections = 1, .tls_name = "x"},
        {.service = "inet:x:1", .timeout_ms = 1000, .connections = 1, .tls_ca = "/x"},
        {.service = "tls:x:1", .timeout_ms = 1000, .connections = 1, .tls_ca = "/x"},
        {.service = "tls:x:1", .timeout_ms = 1000, .connections = 1, .tls_key = "/x"},
        {.service = "tls:x:1",
         .timeout_ms = 1000,
         .connections = 1,
         .tls_certificate = "/x"},
    };
    struct error error;
    struct loop *loop = loop_start(&error);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(quota_client_new(loop, &bad[i], &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.text, "quota service"));
    }
    loop_stop(&loop);
}

static void listen_at(struct fixture *fixture, const struct sockaddr *address,
                      socklen_t length, int backlog)
{
    fixture->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fixture->listener >= 0);
    assert_int_equal(bind(fixture->listener, address, length), 0);
    assert_int_equal(listen(fixture->listener, backlog), 0);
}

static void listen_unix(struct fixture *fixture, int backlog)
{
    static int number;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/foregate-quota-%d-%d",
             (int)getpid(), number++);
    unlink(address.sun_path);
    listen_at(fixture, (struct sockaddr *)&address, sizeof address, backlog);
    snprintf(fixture->service, sizeof fixture->service, "unix:%s", address.sun_path);
}

static void test_unix(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    listen_unix(&fixture, 16);
    start_client(&fixture, 2, 0);
    int peer = converse(&fixture, "a@example.test");
    converse_again(&fixture, peer, "b@example.test");

    /* Nobody at the path: nothing to wait for. */
    close(peer);
    close(fixture.listener);
    unlink(fixture.service + 5);
    expect_refusal(&fixture, "c@example.test", ERROR_REMOTE, "No such file");
    fixture.listener = -1;
    stop(&fixture);
}

static void test_ipv6(void **unused)
{
    (void)unused;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof address;
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0 || bind(probe, (struct sockaddr *)&address, length) != 0) {
        skip(); /* no ::1 here */
    }
    close(probe);
    struct fixture fixture = {0};
    listen_at(&fixture, (struct sockaddr *)&address, length, 16);
    getsockname(fixture.listener, (struct sockaddr *)&address, &length);
    snprintf(fixture.service, sizeof fixture.service, "inet:[::1]:%d",
             ntohs(address.sin6_port));
    start_client(&fixture, 2, 0);
    int peer = converse(&fixture, "a@example.test");
    converse_again(&fixture, peer, "b@example.test");
    stop(&fixture);
    close(peer);
}

static void start_named(struct fixture *fixture, const char *name)
{
    *fixture = (struct fixture){0};
    listen_inet(fixture);
    snprintf(fixture->service, sizeof fixture->service, "inet:%s:%d", name, fixture->port);
    start_client(fixture, 2, 0);
}

static void test_names(void **unused)
{
    (void)unused;
    static const char *const names[] = {"one.test",
                                        "two.test"}; /* the first of two refuses */
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        lookup_count = 0;
        connect_count = 0;
        start_named(&fixture, names[i]);
        int peer = converse(&fixture, "a@example.test");
        converse_again(&fixture, peer, "b@example.test");
        close(peer);
        close(converse(&fixture, "c@example.test"));
        assert_int_equal(lookup_count, 1);      /* while it works, nobody asks again */
        assert_int_equal(connect_count, i + 2); /* the address that worked comes first */
        stop(&fixture);
    }
    struct fixture fixture;
    start_named(&fixture, "nobody.test");
    expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "cannot look up nobody.test");
    expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "is away: cannot look up");
    stop(&fixture);
}

static void *ask_until_answered(void *argument)
{
    struct ask *ask = argument;
    do {
        request_wait(ask->loop, (struct request *[]){&ask->request.request}, 1);
    } while (!ask->request.request.ok);
    return NULL;
}

static void test_name_is_looked_up_again(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    lookup_count = 0;
    start_named(&fixture, "one.test");
    close(converse(&fixture, "a@example.test"));
    close(fixture.listener);
    expect_refusal(&fixture, "b@example.test", ERROR_REMOTE, "Connection refused");
    assert_int_equal(lookup_count, 1);

    listen_inet(&fixture);
    prepare(&fixture, &ask, "c@example.test", 0);
    assert_int_equal(pthread_create(&ask.thread, NULL, ask_until_answered, &ask), 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "c@example.test");
    say(peer, "action=DUNNO\n\n");
    expect_fits(&ask);
    assert_in_range(lookup_count, 2, 10);
    stop(&fixture);
    close(peer);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_lookup_that_hangs(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct ask ask;
    lookup_count = 0;
    start_named(&fixture, "hangs.test");
    ask_begin(&fixture, &ask, "a@example.test", SHORT_MS);
    expect_failure(&ask, ERROR_TIMEOUT, "looking up the name");
    /* Until a probe is long due: it would only wait for the name as well. */
    for (int64_t end_ms = now_ms() + 300; now_ms() < end_ms;) {
        expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "is away: no answer");
    }
    assert_int_equal(lookup_count, 1);
    stop(&fixture); /* does not wait for it */
    sem_post(&hanging_may_end);
}

static void test_silent_address(void **unused)
{
    (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    struct fixture fixture = {0};
    struct ask ask;
    listen_at(&fixture, (struct sockaddr *)&address, length, 0);
    getsockname(fixture.listener, (struct sockaddr *)&address, &length);
    snprintf(fixture.service, sizeof fixture.service, "inet:127.0.0.1:%d",
             ntohs(address.sin_port));
    int fillers[2]; /* a full backlog lets further SYNs go unanswered */
    for (size_t i = 0; i < 2; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fillers[i], (struct sockaddr *)&address, length);
    }
    start_client(&fixture, 2, 0);
    ask_begin(&fixture, &ask, "a@example.test", SHORT_MS);
    expect_failure(&ask, ERROR_TIMEOUT, "connecting");
    expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "is away: no answer");
    stop(&fixture);
    close(fillers[0]);
    close(fillers[1]);
}

/* A further connection is refused, but the service works: the question waits for those
 * open. */
static void test_full_backlog_is_not_away(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    struct ask first;
    struct ask second;
    listen_unix(&fixture, 0);
    start_client(&fixture, 2, 0);
    ask_begin(&fixture, &first, "first@example.test", 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "first@example.test");

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, fixture.service + 5, strlen(fixture.service + 5));
    int filler = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(filler, (struct sockaddr *)&address, sizeof address), 0);
    int before = connect_count;
    ask_begin(&fixture, &second, "second@example.test", 0);
    while (connect_count == before) { /* until it has tried */
        sched_yield();
    }
    say(peer, "action=DUNNO\n\n");
    expect_fits(&first);
    read_question(peer, "second@example.test");
    say(peer, "action=DUNNO\n\n");
    expect_fits(&second);
    stop(&fixture);
    close(peer);
    close(filler);
    unlink(fixture.service + 5);
}

static int begin_capture(FILE *file)
{
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return before;
}

static void end_capture(FILE *file, int before, char *text, size_t size)
{
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_breaker(void **unused)
{
    (void)unused;
    struct fixture fixture = {0};
    listen_inet(&fixture);
    close(fixture.listener);
    start_client(&fixture, 4, 0);
    FILE *log = tmpfile();
    int before = begin_capture(log);
    connect_count = 0;
    expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "Connection refused");
    for (int i = 0; i < 2000; i++) {
        expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "Connection refused");
    }
    /* 20 probes take 80 s at least. */
    assert_in_range(connect_count, 1, 20);

    listen_inet(&fixture);
    struct ask probe;
    prepare(&fixture, &probe, "probe@example.test", 0);
    assert_int_equal(pthread_create(&probe.thread, NULL, ask_until_answered, &probe), 0);
    int peer = accept_peer(&fixture);
    read_question(peer, "probe@example.test");
    for (int i = 0; i < 100; i++) { /* one probe at a time */
        expect_refusal(&fixture, "a@example.test", ERROR_REMOTE, "is away");
    }
    assert_true(is_quiet(fixture.listener));
    say(peer, "action=DUNNO\n\n");
    expect_fits(&probe);
    converse_again(&fixture, peer, "b@example.test");
    char text[4096];
    end_capture(log, before, text, sizeof text);
    char expected[512];
    snprintf(expected, sizeof expected,
             "warning quota_service_away service=%s "
             "reason=\"cannot connect: Connection refused\"\n"
             "warning quota_service_back service=%s reason=\"it answers\"\n",
             fixture.service, fixture.service);
    assert_string_equal(text, expected);
    stop(&fixture);
    close(peer);
}

static void (*start_question)(struct request *request);
static atomic_int started_count;

static void start_counted(struct request *request)
{
    start_question(request);
    started_count++;
}

/* Whoever waits when it becomes clear that nobody is there is told at once. */
static void test_all_that_wait_are_refused(void **unused)
{
    (void)unused;

    enum { ASKS = 20, CONNECTIONS = 2 };
    struct fixture fixture;
    struct ask asks[ASKS];
    start_named(&fixture, "held.test");
    close(fixture.listener);
    fixture.listener = -1;
    for (size_t i = 0; i < ASKS; i++) {
        prepare(&fixture, &asks[i], "a@example.test", 0);
        start_question = asks[i].request.request.start;
        asks[i].request.request.start = start_counted;
    }
    for (size_t i = 0; i < ASKS; i++) {
        ask_go(&asks[i]);
    }
    while (started_count < ASKS) {
        sched_yield();
    }
    connect_count = 0;
    sem_post(&held_may_end);
    for (size_t i = 0; i < ASKS; i++) {
        expect_failure(&asks[i], ERROR_REMOTE, "Connection refused");
    }
    assert_in_range(connect_count, 1, CONNECTIONS);
    stop(&fixture);
}

int main(void)
{
    sem_init(&hanging_may_end, 0, 0);
    sem_init(&held_may_end, 0, 0);
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_is_looked_up_again),
        cmocka_unit_test(test_lookup_that_hangs),
        cmocka_unit_test(test_silent_address),
        cmocka_unit_test(test_full_backlog_is_not_away),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_all_that_wait_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
