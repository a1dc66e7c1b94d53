/* SPDX-License-Identifier: MIT */
/* Dovecot's quota-status service (Postfix policy delegation) as requests: few kept-open
 * connections on the loop thread, a deadline per answer, reconnect with back-off, a breaker
 * that answers at once while the service is away. Source: Dovecot
 * plugins/quota/quota-status.c; facts of 2.3 and 2.4. */
#ifndef FOREGATE_QUOTA_CLIENT_H
#define FOREGATE_QUOTA_CLIENT_H

#include "base/error.h"
#include "io/loop.h"
#include "io/request.h"

#include <stdbool.h>
#include <stdint.h>

struct quota_admission;
struct quota_client;

struct quota_client_settings {
    const char *service; /* see service.h; borrowed, process lifetime */
    int timeout_ms;      /* for one answer, connecting included */
    int connections;     /* at most so many kept open; each occupies a process of Dovecot */
    int breaker_failures; /* in a row, until the service counts as away; 0: 3 */
    int idle_ms;          /* an unused connection is closed after it; 0: a minute */
    /* For `tls:host:port` alone; each NULL or "" when it is not set. */
    const char *tls_ca;          /* file of trusted certificates; not set: the system's */
    const char *tls_name;        /* whose certificate it must be; not set: the host's */
    const char *tls_certificate; /* ours, with tls_key; or neither */
    const char *tls_key;
};

/* Checks the syntax of the service and reads the files of TLS; connects with the first
 * question. A service that is away at start is no error. NULL: CONFIG. A host name is
 * looked up with the first question, and again after the service was away, on a thread of
 * its own. */
struct quota_client *quota_client_new(struct loop *loop,
                                      const struct quota_client_settings *settings,
                                      struct error *error);
void quota_client_free(struct quota_client **client); /* no request under way any more */

struct quota_request;

/* Answers in place of the service, for tests of rules: called on the loop thread for each
 * question. It ends it by quota_request_complete, at once or later. */
typedef void quota_script(void *argument, struct quota_request *question);

struct quota_client *quota_client_new_scripted(struct loop *loop, int timeout_ms,
                                               quota_script *script, void *argument);

enum quota_result { QUOTA_FITS, QUOTA_OVER };

enum {
    QUOTA_TEXT_BYTES = 256,
    QUOTA_MAILBOX_BYTES = 1000, /* Dovecot 2.4 takes lines of 1024 */
};

/* Fill mailbox and size, give it to request_wait. request.ok is false when the service is
 * away, silent, talks nonsense or says DEFER/4xx: "cannot tell", with TIMEOUT or REMOTE;
 * RULE when the mailbox cannot be asked for: empty, too long, or with a control character.
 */
struct quota_request {
    struct request request;
    struct quota_client *client;
    const char *mailbox; /* external form; borrowed until complete */
    int64_t size_bytes;  /* at least 1 is asked for */
    enum quota_result result;
    char text[QUOTA_TEXT_BYTES]; /* what Dovecot said: see quota_answer_interpret */

    /* Instead of waiting: called when it is complete, on the loop thread, which is in the
     * middle of other questions then. request.start begins it, on the loop thread. */
    void (*done)(struct quota_request *request);
    struct quota_admission *asker; /* for done */
    bool is_refused; /* failed without a question: the service counts as away */
    bool is_hurried; /* has less time than the service: running out of it proves nothing */

    /* Belong to asking.c while the request is under way. */
    struct quota_request *next;
    int64_t deadline_ms;
    bool is_probe; /* finds out whether the service is back */
};

void quota_request_init(struct quota_request *request, struct quota_client *client,
                        const char *mailbox, int64_t size_bytes);

/* Loop thread, once a request: reports it to whoever asked. For the client's own files, and
 * scripts. */
void quota_request_complete(struct quota_request *request, bool ok);

const char *quota_result_name(enum quota_result result);

#endif
