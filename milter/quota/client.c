/* SPDX-License-Identifier: MIT */
#include "quota/client.h"

#include "io/tls.h"
#include "quota/asking.h"

#include <stdlib.h>

enum { IDLE_MS = 60 * 1000 };

static bool is_askable(const char *mailbox)
{
    size_t length = 0;
    for (; mailbox[length] != '\0'; length++) {
        unsigned char c = (unsigned char)mailbox[length];
        if (c < ' ' || c == 0x7f) {
            return false;
        }
    }
    return length > 0 && length <= QUOTA_MAILBOX_BYTES;
}

static void question_start(struct request *request)
{
    struct quota_request *question = (struct quota_request *)request;
    struct quota_client *client = question->client;
    if (!is_askable(question->mailbox)) {
        error_set(
            &request->error, ERROR_RULE,
            "no mailbox to ask quota for: empty, too long or with a control character");
        quota_request_complete(question, false);
        return;
    }
    if (client->script != NULL) {
        client->script(client->script_argument, question);
        return;
    }
    asking_begin(client, question);
}

void quota_request_init(struct quota_request *request, struct quota_client *client,
                        const char *mailbox, int64_t size_bytes)
{
    *request = (struct quota_request){
        .request = {.start = question_start, .timeout_ms = client->timeout_ms},
        .client = client,
        .mailbox = mailbox,
        .size_bytes = size_bytes,
    };
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void set_up(void *argument)
{
    asking_init(argument);
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

/* Who must be at the other end; NULL: whoever it is, in plain text. */
static bool secure(const struct quota_client_settings *settings,
                   const struct service *service, struct tls_peer **tls,
                   struct error *error)
{
    *tls = NULL;
    bool is_any = is_set(settings->tls_ca) || is_set(settings->tls_name) ||
                  is_set(settings->tls_certificate) || is_set(settings->tls_key);
    if (!service->is_tls) {
        return !is_any ||
               error_set(error, ERROR_CONFIG,
                         "%s: this is plain text, but options quota.tls_... are set; "
                         "write tls:host:port, or remove them",
                         settings->service);
    }
    if (is_set(settings->tls_certificate) != is_set(settings->tls_key)) {
        return error_set(error, ERROR_CONFIG,
                         "of quota.tls_certificate and quota.tls_key one is set alone; set "
                         "the other one as well, or neither");
    }
    const struct tls_settings secrets = {
        .name = is_set(settings->tls_name) ? settings->tls_name : service->host,
        .ca = settings->tls_ca,
        .certificate = settings->tls_certificate,
        .key = settings->tls_key,
    };
    *tls = tls_peer_new(&secrets, error);
    return *tls != NULL;
}

struct quota_client *quota_client_new(struct loop *loop,
                                      const struct quota_client_settings *settings,
                                      struct error *error)
{
    struct service service;
    if (!service_parse(&service, settings->service, error)) {
        error_wrap(error, "quota service");
        return NULL;
    }
    if (settings->connections < 1 || settings->timeout_ms < 1) {
        error_set(error, ERROR_CONFIG,
                  "quota service: needs a connection and a millisecond");
        return NULL;
    }
    struct tls_peer *tls = NULL;
    if (!secure(settings, &service, &tls, error)) {
        error_wrap(error, "quota service");
        return NULL;
    }
    struct quota_client *client = allocate(1, sizeof *client);
    client->loop = loop;
    client->timeout_ms = settings->timeout_ms;
    client->service = service;
    client->tls = tls;
    client->connection_count = (size_t)settings->connections;
    client->connections = allocate(client->connection_count, sizeof *client->connections);
    for (size_t i = 0; i < client->connection_count; i++) {
        client->connections[i] = (struct quota_connection){
            .client = client,
            .base = loop_base(loop),
            .service = &client->service,
            .tls = tls,
            .idle_ms = settings->idle_ms > 0 ? settings->idle_ms : IDLE_MS,
        };
    }
    breaker_init(&client->breaker, "quota_service", settings->service,
                 settings->breaker_failures);
    loop_run(loop, set_up, client);
    return client;
}

struct quota_client *quota_client_new_scripted(struct loop *loop, int timeout_ms,
                                               quota_script *script, void *argument)
{
    struct quota_client *client = allocate(1, sizeof *client);
    client->loop = loop;
    client->timeout_ms = timeout_ms;
    client->script = script;
    client->script_argument = argument;
    return client;
}

static void tear_down(void *argument)
{
    asking_deinit(argument);
}

void quota_client_free(struct quota_client **client)
{
    if ((*client)->script == NULL) {
        loop_run((*client)->loop, tear_down, *client);
    }
    if ((*client)->tls != NULL) {
        tls_peer_free(&(*client)->tls);
    }
    free((*client)->connections);
    free(*client);
    *client = NULL;
}

void quota_request_complete(struct quota_request *request, bool ok)
{
    if (request->done == NULL) {
        request_complete(&request->request, ok);
        return;
    }
    request->request.ok = ok;
    request->done(request);
}

const char *quota_result_name(enum quota_result result)
{
    switch (result) {
    case QUOTA_FITS:
        return "fits";
    case QUOTA_OVER:
        return "over";
    }
    return "invalid";
}
