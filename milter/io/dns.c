/* SPDX-License-Identifier: MIT */
#include "io/dns.h"

#include "base/counter.h"
#include "base/text.h"

#include <ares.h>
#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_IN = 1, TRIES = 3, SERVERS_BYTES = 4096 };

/* Loop thread only, once it is made; timeout_ms stays as it is. */
struct dns_client {
    struct loop *loop;
    const struct dns_settings *settings; /* while it is made */
    struct error *error;
    int timeout_ms;
    int query_max;
    int query_count; /* that c-ares knows of, those that nobody waits for any more too */
    int server_count;
    ares_channel channel; /* NULL: could not be made */
    struct event *timer;  /* for what c-ares wants to repeat or give up */
    struct watch *watches;
    dns_script *script; /* instead of c-ares */
    void *script_argument;
};

/* A socket of c-ares. */
struct watch {
    struct dns_client *client;
    struct event *event;
    struct watch *next;
};

/* Lives until c-ares reports, which may be after the request has ended. */
struct dns_query {
    struct dns_client *client;
    struct dns_request *request; /* NULL: its time was over */
    struct event *timer;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void add_timer(struct event *timer, const struct timeval *time)
{
    int status = event_add(timer, time);
    assert(status == 0); /* only memory can be short */
}

/* After each call of c-ares: when it wants to be called again. */
static void set_timer(struct dns_client *client)
{
    struct timeval time;
    if (ares_timeout(client->channel, NULL, &time) != NULL) {
        add_timer(client->timer, &time);
    } else {
        event_del(client->timer);
    }
}

static void on_timer(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct dns_client *client = argument;
    ares_process_fd(client->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(client);
}

static void on_socket(evutil_socket_t socket, short events, void *argument)
{
    const struct watch *watch = argument;
    struct dns_client *client = watch->client; /* the watch may be gone behind the call */
    ares_process_fd(client->channel, (events & EV_READ) != 0 ? socket : ARES_SOCKET_BAD,
                    (events & EV_WRITE) != 0 ? socket : ARES_SOCKET_BAD);
    set_timer(client);
}

/* From c-ares, before it closes a socket too: then there is nothing to wait for. */
static void on_watch(void *argument, ares_socket_t socket, int readable, int writable)
{
    struct dns_client *client = argument;
    struct watch **place = &client->watches;
    while (*place != NULL && event_get_fd((*place)->event) != socket) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        struct watch *watch = *place;
        *place = watch->next;
        event_free(watch->event);
        free(watch);
    }
    short events = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    if (events == 0) {
        return;
    }
    struct watch *watch = allocate(sizeof *watch);
    watch->client = client;
    watch->event = event_new(loop_base(client->loop), socket, (short)(events | EV_PERSIST),
                             on_socket, watch);
    int status = watch->event != NULL ? event_add(watch->event, NULL) : -1;
    assert(status == 0);
    watch->next = client->watches;
    client->watches = watch;
}

/* Why there is no answer; of answers that say no, the status is one as well. */
static bool judge(const struct dns_request *request, int status, struct error *error)
{
    const char *reason = ares_strerror(status);
    switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
        return true;
    case ARES_ETIMEOUT:
        return error_set(error, ERROR_TIMEOUT, "dns.%s %s: no server answers",
                         dns_type_name(request->type), request->name);
    case ARES_ESERVFAIL:
        reason = "the server fails (SERVFAIL)";
        break;
    case ARES_EREFUSED:
        reason = "the server refuses (REFUSED)";
        break;
    case ARES_ENOTIMP:
        reason = "the server cannot (NOTIMP)";
        break;
    case ARES_EFORMERR:
        reason = "the server does not understand (FORMERR)";
        break;
    case ARES_ECONNREFUSED:
        /* With several of them, whatever each of them said. */
        reason = request->client->server_count > 1
                     ? "no server answers: away, SERVFAIL or REFUSED"
                     : "the server is away";
        break;
    default:
        break;
    }
    return error_set(error, ERROR_REMOTE, "dns.%s %s: %s", dns_type_name(request->type),
                     request->name, reason);
}

static void complete(struct dns_request *request, int status, const void *bytes, int length)
{
    struct error *error = &request->request.error;
    bool ok = judge(request, status, error);
    /* An answer that says no is read as well: c-ares takes a question for one. */
    if (ok && bytes != NULL &&
        !dns_answer_parse(bytes, (size_t)length, request->type, request->arena,
                          &request->answer)) {
        ok = error_set(error, ERROR_REMOTE, "dns.%s %s: the answer makes no sense",
                       dns_type_name(request->type), request->name);
    }
    if (status != ARES_SUCCESS) {
        request->answer.count = 0;
    }
    request_complete(&request->request, ok);
}

/* From c-ares, once a query: the answer, or that there is none. */
static void on_answer(void *argument, int status, int unused_timeouts, unsigned char *bytes,
                      int length)
{
    (void)unused_timeouts;
    struct dns_query *query = argument;
    query->client->query_count--;
    if (query->request != NULL) {
        complete(query->request, status, bytes, length);
    }
    event_free(query->timer);
    free(query);
}

void dns_request_fail(struct dns_request *request, const char *reason)
{
    error_set(&request->request.error, ERROR_REMOTE, "dns.%s %s: %s",
              dns_type_name(request->type), request->name, reason);
    request_complete(&request->request, false);
}

void dns_request_time_out(struct dns_request *request)
{
    error_set(&request->request.error, ERROR_TIMEOUT, "dns.%s %s: no answer within %d ms",
              dns_type_name(request->type), request->name, request->request.timeout_ms);
    request_complete(&request->request, false);
}

/* c-ares goes on for a while: it cannot drop one query of many. */
static void on_deadline(evutil_socket_t unused_socket, short unused_events, void *argument)
{
    (void)unused_socket;
    (void)unused_events;
    struct dns_query *query = argument;
    struct dns_request *request = query->request;
    query->request = NULL;
    dns_request_time_out(request);
}

static void request_start(struct request *start)
{
    struct dns_request *request = (struct dns_request *)start;
    struct dns_client *client = request->client;
    counter_add(COUNTER_DNS_ASKED, 1);
    if (client->script != NULL) {
        client->script(client->script_argument, request);
        return;
    }
    if (client->query_count >= client->query_max) {
        error_set(&start->error, ERROR_REMOTE,
                  "dns.%s %s: %d questions to the DNS are under way already",
                  dns_type_name(request->type), request->name, client->query_count);
        request_complete(start, false);
        return;
    }
    client->query_count++;
    struct dns_query *query = allocate(sizeof *query);
    *query = (struct dns_query){.client = client, .request = request};
    query->timer = evtimer_new(loop_base(client->loop), on_deadline, query);
    if (query->timer == NULL) {
        abort();
    }
    const struct timeval limit = {.tv_sec = start->timeout_ms / 1000,
                                  .tv_usec = start->timeout_ms % 1000 * 1000L};
    add_timer(query->timer, &limit);
    /* Request and query may be gone when it returns. */
    ares_query(client->channel, request->name, CLASS_IN, dns_type_number(request->type),
               on_answer, query);
    set_timer(client);
}

/* A backslash means something to c-ares; further characters are in no name of anybody. */
static bool is_name(const char *name, size_t length)
{
    size_t label = 0;
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '\\') {
            return false;
        }
        label = name[i] == '.' ? 0 : label + 1;
        if (label > 63 || (label == 0 && (i == 0 || name[i - 1] == '.'))) {
            return false;
        }
    }
    return length > 0 && name[length - 1] != '.';
}

/* RFC 1035 3.5, RFC 3596 2.5. */
static bool reverse_name(const char *address, char name[DNS_NAME_LENGTH + 1])
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address, bytes) == 1) {
        snprintf(name, DNS_NAME_LENGTH + 1, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2],
                 bytes[1], bytes[0]);
        return true;
    }
    if (inet_pton(AF_INET6, address, bytes) != 1) {
        return false;
    }
    size_t used = 0;
    for (size_t i = sizeof bytes; i-- > 0;) {
        used += (size_t)snprintf(name + used, DNS_NAME_LENGTH + 1 - used, "%x.%x.",
                                 bytes[i] & 0xf, bytes[i] >> 4);
    }
    snprintf(name + used, DNS_NAME_LENGTH + 1 - used, "ip6.arpa");
    return true;
}

bool dns_question_name(const struct dns_question *question, char asked[DNS_NAME_LENGTH + 1],
                       struct error *error)
{
    const char *name = question->name;
    size_t length = question->length;
    if (question->type == DNS_PTR) {
        return (strlen(name) == length && reverse_name(name, asked)) ||
               error_set(error, ERROR_RULE, "dns.ptr: no IP address");
    }
    size_t dot = length > 1 && name[length - 1] == '.' ? 1 : 0;
    if (length - dot > DNS_NAME_LENGTH || !is_name(name, length - dot)) {
        return error_set(error, ERROR_RULE,
                         "dns.%s: no name that the DNS could know: empty, too long, an "
                         "empty label, or other than printable ASCII",
                         dns_type_name(question->type));
    }
    memcpy(asked, name, length - dot);
    asked[length - dot] = '\0';
    return true;
}

bool dns_request_init(struct dns_request *request, struct dns_client *client,
                      const struct dns_question *question, struct arena *arena,
                      struct error *error)
{
    *request = (struct dns_request){
        .request = {.start = request_start, .timeout_ms = client->timeout_ms},
        .client = client,
        .type = question->type,
        .arena = arena,
    };
    return dns_question_name(question, request->name, error);
}

/* With the servers of the settings, else those of /etc/resolv.conf. */
static bool open_channel(struct dns_client *client, const struct ares_options *options,
                         int mask)
{
    struct ares_options copy = *options;
    int status = ares_init_options(&client->channel, &copy, mask);
    if (status != ARES_SUCCESS) {
        client->channel = NULL;
        return error_set(client->error, ERROR_SYSTEM, "cannot ask the DNS: %s",
                         ares_strerror(status));
    }
    const char *servers = client->settings->servers;
    char list[SERVERS_BYTES] = "";
    size_t used = 0;
    const char *word;
    size_t length;
    while (servers != NULL && text_next_word(&servers, &word, &length)) {
        if (length + 2 > sizeof list - used) {
            return error_set(client->error, ERROR_CONFIG, "dns.servers is too long");
        }
        /* c-ares wants brackets only where a port follows. */
        bool is_bare = word[0] == '[' && word[length - 1] == ']';
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", used > 0 ? "," : "",
                             (int)length - (is_bare ? 2 : 0), word + (is_bare ? 1 : 0));
    }
    if (used > 0 && ares_set_servers_ports_csv(client->channel, list) != ARES_SUCCESS) {
        return error_set(client->error, ERROR_CONFIG,
                         "dns.servers = %s: no list of servers", client->settings->servers);
    }
    return true;
}

static int count_servers(ares_channel channel)
{
    struct ares_addr_port_node *servers = NULL;
    int count = 0;
    if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS) {
        for (const struct ares_addr_port_node *at = servers; at != NULL; at = at->next) {
            count++;
        }
        ares_free_data(servers);
    }
    return count > 0 ? count : 1;
}

/* How it asks depends on how many servers there are, which c-ares finds out. A round of all
 * servers lasts n times the time of a try, the next one twice as long, and c-ares takes
 * between 9/16 and all of that: three rounds with 2/7n of the timeout last longer than it,
 * and less than twice as long. A single server that fails is not asked again: with that
 * flag its own words reach us. */
static void set_up(void *argument)
{
    struct dns_client *client = argument;
    if (!open_channel(client, &(struct ares_options){0}, 0)) {
        return;
    }
    client->server_count = count_servers(client->channel);
    ares_destroy(client->channel);
    int try_ms = client->timeout_ms * 2 / (7 * client->server_count);
    const struct ares_options options = {
        .flags = client->server_count == 1 ? ARES_FLAG_NOCHECKRESP : 0,
        .timeout = try_ms > 0 ? try_ms : 1,
        .tries = TRIES,
        .sock_state_cb = on_watch,
        .sock_state_cb_data = client,
    };
    client->timer = evtimer_new(loop_base(client->loop), on_timer, client);
    if (client->timer == NULL) {
        abort();
    }
    open_channel(client, &options,
                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                     ARES_OPT_SOCK_STATE_CB);
}

/* Queries that nobody waits for end here. */
static void tear_down(void *argument)
{
    struct dns_client *client = argument;
    if (client->channel != NULL) {
        ares_destroy(client->channel);
    }
    if (client->timer != NULL) {
        event_free(client->timer);
    }
    assert(client->query_count == 0 && client->watches == NULL);
}

struct dns_client *dns_client_new(struct loop *loop, const struct dns_settings *settings,
                                  struct error *error)
{
    if (settings->timeout_ms < 1 || settings->queries < 1) {
        error_set(error, ERROR_CONFIG, "dns: needs a millisecond and a query");
        return NULL;
    }
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS) {
        error_set(error, ERROR_SYSTEM, "cannot ask the DNS: %s", ares_strerror(status));
        return NULL;
    }
    struct error why = {0};
    struct dns_client *client = allocate(sizeof *client);
    client->loop = loop;
    client->settings = settings;
    client->error = &why;
    client->timeout_ms = settings->timeout_ms;
    client->query_max = settings->queries;
    loop_run(loop, set_up, client);
    client->settings = NULL;
    client->error = NULL;
    if (why.kind != ERROR_NONE) {
        *error = why;
        dns_client_free(&client);
    }
    return client;
}

struct dns_client *dns_client_new_scripted(const struct dns_settings *settings,
                                           dns_script *script, void *argument)
{
    struct dns_client *client = allocate(sizeof *client);
    client->timeout_ms = settings->timeout_ms;
    client->script = script;
    client->script_argument = argument;
    return client;
}

void dns_client_free(struct dns_client **client)
{
    if ((*client)->script == NULL) {
        loop_run((*client)->loop, tear_down, *client);
        ares_library_cleanup();
    }
    free(*client);
    *client = NULL;
}
