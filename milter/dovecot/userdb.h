/* SPDX-License-Identifier: MIT */
/* Dovecot's userdb as requests, over its auth master protocol (`auth-userdb`): one
 * connection on the loop thread, many questions under way on it, each with a time limit of
 * its own. A connection is replaced when it is five seconds old: when Dovecot reloads or
 * stops, its old auth process may go on answering those who stay with it, by its old
 * configuration (2.3.19: for up to 6 and 30 seconds). */
#ifndef FOREGATE_DOVECOT_USERDB_H
#define FOREGATE_DOVECOT_USERDB_H

#include "base/arena.h"
#include "base/error.h"
#include "dovecot/master_line.h"
#include "io/loop.h"
#include "io/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct userdb;

struct userdb_settings {
    const char *where;   /* unix:/path or inet:host:port; borrowed, process lifetime */
    const char *service; /* the name of the service that is told to Dovecot; the same */
    int renew_ms;        /* age at which a connection is replaced; 0: five seconds */
};

/* Checks the settings; connects with the first question. A Dovecot that is away at start is
 * no error. A host name is looked up with the first question, and again after a connection
 * failed, on a thread of its own. NULL: CONFIG. */
struct userdb *userdb_new(struct loop *loop, const struct userdb_settings *settings,
                          struct error *error);
void userdb_free(struct userdb **userdb); /* no request under way any more */

/* Give it to request_wait. Complete, request.ok says that Dovecot told: answer.kind is
 * FOUND or NOT_FOUND. Else it is FAILED, with the reason in request.error:
 * - TIMEOUT: no answer within request.timeout_ms, connecting included;
 * - REMOTE: Dovecot is away, talks nonsense or another version of its protocol, or says
 *   that it cannot tell; or there are too many questions already;
 * - RULE: the name cannot be asked for (see master_name_is_askable).
 * A question whose connection is lost is asked once more, in the time it has left. */
struct userdb_request {
    struct request request;
    struct userdb *userdb;
    const char *name;    /* external form; borrowed until complete */
    struct arena *arena; /* belongs to the loop thread until all requests that are waited
                            for together are complete */
    struct userdb_answer answer;

    /* Belong to asking.c while the request is under way. */
    struct userdb_request *next;
    int64_t deadline_ms;
    bool is_repeated; /* its connection was lost once */
};

void userdb_request_init(struct userdb_request *request, struct userdb *userdb,
                         const char *name, int timeout_ms, struct arena *arena);

#endif
