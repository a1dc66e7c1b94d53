/* SPDX-License-Identifier: MIT */
#include "dovecot/userdb.h"

#include "dovecot/asking.h"

#include <stdlib.h>
#include <string.h>

enum { RENEW_MS = 5 * 1000 };

static void question_start(struct request *request)
{
    struct userdb_request *question = (struct userdb_request *)request;
    if (!master_name_is_askable(question->name, question->userdb->service_name)) {
        error_set(&request->error, ERROR_RULE,
                  "no name to ask Dovecot's userdb for: empty, too long or with a control "
                  "character");
        request_complete(request, false);
        return;
    }
    userdb_asking_begin(question->userdb, question);
}

void userdb_request_init(struct userdb_request *request, struct userdb *userdb,
                         const char *name, int timeout_ms, struct arena *arena)
{
    *request = (struct userdb_request){
        .request = {.start = question_start, .timeout_ms = timeout_ms},
        .userdb = userdb,
        .name = name,
        .arena = arena,
        .answer = {.kind = ANSWER_FAILED},
    };
}

static bool check_name(const char *name, struct error *error)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            length = 0;
        }
    }
    return (length > 0 && length <= MASTER_SERVICE_BYTES) ||
           error_set(error, ERROR_CONFIG,
                     "dovecot.service: needs 1 to %d printable characters, like lmtp",
                     MASTER_SERVICE_BYTES);
}

static bool check_where(const char *where, struct service *service, struct error *error)
{
    if (!service_parse(service, where, error)) {
        return error_wrap(error, "dovecot.userdb");
    }
    return !service->is_tls || error_set(error, ERROR_CONFIG,
                                         "dovecot.userdb: %s: Dovecot's userdb has no TLS; "
                                         "write unix:/path or inet:host:port",
                                         where);
}

static void set_up(void *argument)
{
    userdb_asking_init(argument);
}

struct userdb *userdb_new(struct loop *loop, const struct userdb_settings *settings,
                          struct error *error)
{
    struct service service;
    if (!check_name(settings->service, error) ||
        !check_where(settings->where, &service, error)) {
        return NULL;
    }
    struct userdb *userdb = calloc(1, sizeof *userdb);
    if (userdb == NULL) {
        abort();
    }
    userdb->loop = loop;
    userdb->where = settings->where;
    userdb->service = service;
    userdb->renew_ms = settings->renew_ms > 0 ? settings->renew_ms : RENEW_MS;
    memcpy(userdb->service_name, settings->service, strlen(settings->service) + 1);
    for (size_t i = 0; i < USERDB_CONNECTIONS; i++) {
        userdb->connections[i].userdb = userdb;
    }
    loop_run(loop, set_up, userdb);
    return userdb;
}

static void tear_down(void *argument)
{
    userdb_asking_deinit(argument);
}

void userdb_free(struct userdb **userdb)
{
    loop_run((*userdb)->loop, tear_down, *userdb);
    free(*userdb);
    *userdb = NULL;
}
