/* SPDX-License-Identifier: MIT */
/*
 * What a look-up by an auth script costs. tests/bench/sources/lua starts it.
 *
 * Usage: bench_auth_script lookups COUNT
 *        bench_auth_script waiting COUNT STATES DELAY_MS ROUNDS
 *
 * `lookups`  userdb look-ups without I/O, one after the other: processor time of each.
 * `waiting`  COUNT threads ask in one moment, the script asks a web service that takes
 *            DELAY_MS; of each round the time until the last one has its answer. The
 * service is a process of its own, which keeps connections open.
 *
 * Prints `name key=value ...`, times in microseconds or, of rounds, milliseconds.
 */
#include "times.h"

#include "authscript/auth_script.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STACK_BYTES = 256 << 10,
    FILES = 4096,
    PATH_BYTES = 64,
    MILLISECOND_NS = 1000000,
};

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench_auth_script: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Answers in the order of the questions, DELAY_MS behind each. */
struct service {
    int listener, poll;
    int64_t delay_ns;

    struct waiting {
        int peer;
        int64_t due_ns;
    } queue[FILES];

    size_t first, count;
};

static void hear(struct service *service, int peer)
{
    char bytes[4096];
    ssize_t length = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length <= 0) {
        close(peer);
    } else if (service->count < FILES) {
        size_t place = (service->first + service->count++) % FILES;
        service->queue[place] = (struct waiting){peer, now_ns() + service->delay_ns};
    }
}

static void answer_due(struct service *service)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n"
        "uid=5000 gid=5000 home=/h\n";
    for (int64_t now = now_ns();
         service->count > 0 && service->queue[service->first].due_ns <= now;
         service->first = (service->first + 1) % FILES, service->count--) {
        send(service->queue[service->first].peer, answer, sizeof answer - 1, MSG_NOSIGNAL);
    }
}

static void take_peers(struct service *service)
{
    int peer;
    while ((peer = accept4(service->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
        epoll_ctl(service->poll, EPOLL_CTL_ADD, peer, &event);
    }
}

_Noreturn static void serve(struct service *service)
{
    struct epoll_event events[256];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = service->listener};
    service->poll = epoll_create1(0);
    epoll_ctl(service->poll, EPOLL_CTL_ADD, service->listener, &event);
    for (;;) {
        int count = epoll_wait(service->poll, events, 256, service->count > 0 ? 1 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == service->listener) {
                take_peers(service);
            } else {
                hear(service, events[i].data.fd);
            }
        }
        answer_due(service);
    }
}

/* The process of the service, and its port. */
static pid_t start_service(int delay_ms, int *port)
{
    static struct service service;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    service.delay_ns = (int64_t)delay_ms * MILLISECOND_NS;
    service.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(service.listener, (struct sockaddr *)&address, length) != 0 ||
        listen(service.listener, FILES) != 0 ||
        getsockname(service.listener, (struct sockaddr *)&address, &length) != 0) {
        give_up("cannot listen");
    }
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    if (child < 0) {
        give_up("cannot fork");
    }
    if (child == 0) {
        serve(&service);
    }
    close(service.listener);
    return child;
}

static void write_script(const char *path, const char *text, int port)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        give_up(path);
    }
    fprintf(file, "local port = %d\n%s", port, text);
    fclose(file);
}

struct bench {
    char path[PATH_BYTES];
    struct loop *loop;
    struct http_client *http;
    struct auth_script *script;
};

static void begin(struct bench *bench, const char *text, int port, int states)
{
    struct error error;
    strcpy(bench->path, "/tmp/foregate-bench-XXXXXX");
    int file = mkstemp(bench->path);
    if (file < 0) {
        give_up(bench->path);
    }
    close(file);
    write_script(bench->path, text, port);
    const struct http_settings http = {
        .timeout_ms = 10000, .requests = FILES, .max_body = 65536, .idle_ms = 15000};
    bench->loop = loop_start(&error);
    bench->http = bench->loop != NULL ? http_client_new(bench->loop, &http, &error) : NULL;
    const struct auth_script_settings settings = {
        .file = bench->path,
        .scheme = "PLAIN",
        .states = states,
        .memory = 64 << 20,
        .instructions = 10000000,
        .timeout_ms = 10000,
        .loop = bench->loop,
        .http = bench->http,
    };
    bench->script = bench->http != NULL ? auth_script_new(&settings, &error) : NULL;
    unlink(bench->path);
    if (bench->script == NULL) {
        fprintf(stderr, "bench_auth_script: %s\n", error.text);
        exit(1);
    }
}

static void end(struct bench *bench)
{
    auth_script_free(&bench->script);
    http_client_free(&bench->http);
    loop_stop(&bench->loop);
}

static const char plain_script[] =
    "local users = { ['user@example.com'] = 'user' }\n"
    "function auth_userdb_lookup(req)\n"
    "  local user = users[req.user]\n"
    "  if not user then return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, 'no such user' "
    "end\n"
    "  return dovecot.auth.USERDB_RESULT_OK, { uid = '5000', gid = '5000',\n"
    "    home = '/var/mail/' .. req.domain .. '/' .. req.username, quota_rule = "
    "'*:storage=1G' }\n"
    "end\n";

static int64_t processor_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

static void look_up(struct auth_script *script, struct arena *arena, const char *user)
{
    struct auth_request request = auth_request_new(arena, user);
    struct auth_reply reply;
    auth_script_userdb(script, &request, arena, &reply);
    if (reply.answer != AUTH_FOUND) {
        fprintf(stderr, "bench_auth_script: %s\n", reply.reason);
        exit(1);
    }
}

static void run_lookups(long count)
{
    struct bench bench;
    begin(&bench, plain_script, 0, 1);
    struct arena *arena = arena_new();
    struct times times = {0};
    int64_t before = processor_ns();
    for (long i = 0; i < count; i++) {
        int64_t start = now_ns();
        arena_reset(arena);
        look_up(bench.script, arena, "user@example.com");
        times_add(&times, now_ns() - start);
    }
    printf("cpu per_lookup_us=%.2f\n",
           (double)(processor_ns() - before) / 1000 / (double)count);
    times_print(&times, "lookup");
    times_free(&times);
    arena_free(&arena);
    end(&bench);
}

static const char web_script[] =
    "local client = dovecot.http.client { request_timeout_msecs = 5000 }\n"
    "function auth_userdb_lookup(req)\n"
    "  local request = client:request { url = 'http://127.0.0.1:' .. port .. '/' .. "
    "req.user }\n"
    "  local response = request:submit()\n"
    "  if response:status() ~= 200 then return "
    "dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "
    "response:reason() end\n"
    "  return dovecot.auth.USERDB_RESULT_OK, response:payload():gsub('\\n', '')\n"
    "end\n";

struct caller {
    pthread_t thread;
    struct auth_script *script;
    pthread_barrier_t *together;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    struct arena *arena = arena_new();
    pthread_barrier_wait(caller->together);
    look_up(caller->script, arena, "user@example.com");
    arena_free(&arena);
    pthread_barrier_wait(caller->together);
    return NULL;
}

/* Threads exist already when the clock starts, as workers do. */
static double run_round(struct bench *bench, long count)
{
    pthread_attr_t attributes;
    pthread_barrier_t together;
    struct caller *callers = calloc((size_t)count, sizeof *callers);
    pthread_barrier_init(&together, NULL, (unsigned)count + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (long i = 0; callers != NULL && i < count; i++) {
        callers[i] = (struct caller){.script = bench->script, .together = &together};
        errno = pthread_create(&callers[i].thread, &attributes, call, &callers[i]);
        if (errno != 0) {
            give_up("cannot start a thread");
        }
    }
    int64_t start = now_ns();
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
    double took_ms = (double)(now_ns() - start) / MILLISECOND_NS;
    for (long i = 0; callers != NULL && i < count; i++) {
        pthread_join(callers[i].thread, NULL);
    }
    pthread_attr_destroy(&attributes);
    pthread_barrier_destroy(&together);
    free(callers);
    return took_ms;
}

static void run_waiting(long count, int states, int delay_ms, int rounds)
{
    int port;
    struct rlimit files = {.rlim_cur = FILES, .rlim_max = FILES};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        give_up("cannot have enough open files");
    }
    pid_t service = start_service(delay_ms, &port);
    struct bench bench;
    begin(&bench, web_script, port, states);
    for (int i = 0; i < rounds; i++) {
        int64_t before = processor_ns();
        double took_ms = run_round(&bench, count);
        printf("round number=%d lookups=%ld took_ms=%.0f cpu_ms=%.0f connections=%s\n",
               i + 1, count, took_ms, (double)(processor_ns() - before) / MILLISECOND_NS,
               i == 0 ? "new" : "kept");
    }
    end(&bench);
    kill(service, SIGTERM);
    waitpid(service, NULL, 0);
}

static int number(const char *text)
{
    long value = strtol(text, NULL, 10);
    if (value < 1 || value > 1000000) {
        errno = ERANGE;
        give_up(text);
    }
    return (int)value;
}

int main(int argc, char **argv)
{
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    if (argc == 3 && strcmp(argv[1], "lookups") == 0) {
        run_lookups(number(argv[2]));
    } else if (argc == 6 && strcmp(argv[1], "waiting") == 0) {
        run_waiting(number(argv[2]), number(argv[3]), number(argv[4]), number(argv[5]));
    } else {
        fprintf(stderr, "usage: bench_auth_script lookups COUNT | waiting COUNT STATES "
                        "DELAY_MS ROUNDS\n");
        return 2;
    }
    return 0;
}
