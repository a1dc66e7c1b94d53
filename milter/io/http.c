/* SPDX-License-Identifier: MIT */
#include "io/http.h"

#include "base/counter.h"
#include "io/http_transfer.h"
#include "io/tls.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* Loop thread only, once it is made; the settings stay as they are. */
struct http_client {
    struct loop *loop;
    struct http_settings settings;
    char *ca;            /* of settings */
    CURLM *multi;        /* renewed when nothing has been asked for idle_ms */
    struct event *timer; /* when libcurl wants to be called */
    struct event *idle_timer;
    LIST_HEAD(, http_transfer) transfers; /* under way, those that nobody waits for too */
    int transfer_count;
    http_script *script; /* instead of libcurl */
    void *script_argument;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* Only memory can be short, or the library another one than at start. */
static void must(bool done)
{
    if (!done) {
        abort();
    }
}

static void add_timer(struct event *timer, int64_t time_ms)
{
    const struct timeval time = {.tv_sec = time_ms / 1000,
                                 .tv_usec = time_ms % 1000 * 1000};
    must(event_add(timer, &time) == 0);
}

/* Also of one that libcurl still works on: what it has for it is dropped. */
static void end_transfer(struct http_transfer *transfer)
{
    struct http_client *client = transfer->client;
    LIST_REMOVE(transfer, link);
    curl_multi_remove_handle(client->multi, transfer->easy);
    event_free(transfer->deadline);
    http_transfer_free(&transfer);
    client->transfer_count--;
    if (client->transfer_count == 0) {
        add_timer(client->idle_timer, client->settings.idle_ms);
    }
}

static void on_deadline(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct http_transfer *transfer = argument;
    struct http_request *request = transfer->request;
    if (http_transfer_expire(transfer)) {
        end_transfer(transfer);
    }
    request_complete(&request->request, false);
}

/* After each call of libcurl: what has ended. */
static void finish_transfers(struct http_client *client)
{
    int unused_rest;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &unused_rest)) != NULL) {
        CURLcode code = message->data.result; /* the message goes with the handle */
        struct http_transfer *transfer;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        struct http_request *request = transfer->request;
        bool ok = request != NULL && http_transfer_judge(transfer, code);
        end_transfer(transfer);
        if (request != NULL) {
            request_complete(&request->request, ok);
        }
    }
}

static void act(struct http_client *client, curl_socket_t socket, int events)
{
    int unused_running;
    must(curl_multi_socket_action(client->multi, socket, events, &unused_running) ==
         CURLM_OK);
    finish_transfers(client);
}

static void on_timer(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    act(argument, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(evutil_socket_t socket, short events, void *argument)
{
    act(argument, socket,
        ((events & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((events & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

/* From libcurl, before it closes a socket too. */
static int watch(CURL *unused_easy, curl_socket_t socket, int wanted, void *argument,
                 void *known)
{
    (void)unused_easy;
    struct http_client *client = argument;
    if (known != NULL) {
        event_free(known);
    }
    struct event *event = NULL;
    if (wanted != CURL_POLL_REMOVE && wanted != CURL_POLL_NONE) {
        short events = (short)(((wanted & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                               ((wanted & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));
        event = event_new(loop_base(client->loop), socket, (short)(events | EV_PERSIST),
                          on_socket, client);
        must(event != NULL && event_add(event, NULL) == 0);
    }
    curl_multi_assign(client->multi, socket, event);
    return 0;
}

/* From libcurl, which may not be called back from here. */
static int set_timer(CURLM *unused_multi, long time_ms, void *argument)
{
    (void)unused_multi;
    const struct http_client *client = argument;
    if (time_ms < 0) {
        event_del(client->timer);
    } else {
        add_timer(client->timer, time_ms);
    }
    return 0;
}

static void request_start(struct request *start)
{
    struct http_request *request = (struct http_request *)start;
    struct http_client *client = request->client;
    counter_add(COUNTER_HTTP_ASKED, 1);
    if (client->script != NULL) {
        client->script(client->script_argument, request);
        return;
    }
    if (client->transfer_count >= client->settings.requests) {
        error_set(&start->error, ERROR_REMOTE,
                  "http %s %s: %d requests are under way already", request->question.method,
                  request->place, client->transfer_count);
        request_complete(start, false);
        return;
    }
    struct http_transfer *transfer = http_transfer_new(request, &client->settings);
    LIST_INSERT_HEAD(&client->transfers, transfer, link);
    client->transfer_count++;
    event_del(client->idle_timer);
    transfer->deadline = evtimer_new(loop_base(client->loop), on_deadline, transfer);
    must(transfer->deadline != NULL);
    add_timer(transfer->deadline, start->timeout_ms);
    /* It only sets the timer: nothing ends in it. */
    must(curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK);
}

void http_request_fail(struct http_request *request, const char *reason)
{
    error_set(&request->request.error, ERROR_REMOTE, "http %s %s: %s",
              request->question.method, request->place, reason);
    request_complete(&request->request, false);
}

void http_request_time_out(struct http_request *request)
{
    error_set(&request->request.error, ERROR_TIMEOUT, "http %s %s: no answer within %d ms",
              request->question.method, request->place, request->request.timeout_ms);
    request_complete(&request->request, false);
}

bool http_request_init(struct http_request *request, struct http_client *client,
                       const struct http_question *question, struct arena *arena,
                       struct error *error)
{
    *request = (struct http_request){
        .request = {.start = request_start, .timeout_ms = client->settings.timeout_ms},
        .client = client,
        .arena = arena,
        .max_body = client->settings.max_body,
    };
    if (!http_question_check(question, error) ||
        !http_transfer_check(question->url, error)) {
        return false;
    }
    request->question = http_question_copy(arena, question);
    request->place = http_question_place(arena, question);
    return true;
}

static void open_multi(struct http_client *client)
{
    client->multi = curl_multi_init();
    must(client->multi != NULL);
    long most = client->settings.requests;
    must(curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch) == CURLM_OK);
    must(curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK);
    must(curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK);
    must(curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK);
    must(curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, most) == CURLM_OK);
    must(curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, most) ==
         CURLM_OK);
}

/* While something is asked, libcurl itself closes what is too old; but it does nothing
 * unless it is asked something, and has no call for this. */
static void on_idle(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct http_client *client = argument;
    assert(client->transfer_count == 0);
    curl_multi_cleanup(client->multi);
    event_del(client->timer);
    open_multi(client);
}

static void set_up(void *argument)
{
    struct http_client *client = argument;
    client->timer = evtimer_new(loop_base(client->loop), on_timer, client);
    client->idle_timer = evtimer_new(loop_base(client->loop), on_idle, client);
    must(client->timer != NULL && client->idle_timer != NULL);
    open_multi(client);
}

/* Look-ups that nobody waits for are let go of. */
static void tear_down(void *argument)
{
    struct http_client *client = argument;
    while (!LIST_EMPTY(&client->transfers)) {
        assert(LIST_FIRST(&client->transfers)->request == NULL);
        end_transfer(LIST_FIRST(&client->transfers));
    }
    curl_multi_cleanup(client->multi);
    event_free(client->timer);
    event_free(client->idle_timer);
}

static bool start_library(struct error *error)
{
    tls_set_up();
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) {
        return error_set(error, ERROR_SYSTEM, "libcurl does not start: %s",
                         curl_easy_strerror(code));
    }
    const curl_version_info_data *library = curl_version_info(CURLVERSION_NOW);
    bool is_openssl =
        library->ssl_version != NULL && strncmp(library->ssl_version, "OpenSSL/", 8) == 0;
    if ((library->features & CURL_VERSION_ASYNCHDNS) == 0 || !is_openssl) {
        curl_global_cleanup();
        return error_set(error, ERROR_SYSTEM,
                         "this libcurl (%s) cannot be used: it looks up names without "
                         "AsynchDNS, which would block, or its TLS is not OpenSSL; install "
                         "libcurl4 as Debian has it",
                         library->version);
    }
    return true;
}

struct http_client *http_client_new(struct loop *loop, const struct http_settings *settings,
                                    struct error *error)
{
    if (settings->timeout_ms < 1 || settings->requests < 1 || settings->idle_ms < 1) {
        error_set(error, ERROR_CONFIG, "http: needs a millisecond and a request");
        return NULL;
    }
    /* The system's are the system's matter, and take as long to read as all else here. */
    bool has_ca = settings->ca != NULL && *settings->ca != '\0';
    if (has_ca && !tls_check_trusted(settings->ca, error)) {
        error_wrap(error, "http.ca");
        return NULL;
    }
    if (!start_library(error)) {
        return NULL;
    }
    struct http_client *client = allocate(sizeof *client);
    client->loop = loop;
    client->settings = *settings;
    if (has_ca) {
        client->ca = strdup(settings->ca);
        must(client->ca != NULL);
    }
    client->settings.ca = client->ca;
    loop_run(loop, set_up, client);
    return client;
}

struct http_client *http_client_new_scripted(const struct http_settings *settings,
                                             http_script *script, void *argument)
{
    struct http_client *client = allocate(sizeof *client);
    client->settings = *settings;
    client->script = script;
    client->script_argument = argument;
    return client;
}

void http_client_free(struct http_client **client)
{
    if ((*client)->script == NULL) {
        loop_run((*client)->loop, tear_down, *client);
        free((*client)->ca);
        curl_global_cleanup();
    }
    free(*client);
    *client = NULL;
}
