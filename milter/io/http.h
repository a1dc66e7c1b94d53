/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 as requests: libcurl on the loop thread, and at home here alone. TLS 1.2 and
 * newer, the other end always proves its name. Every complete answer is one, whatever its
 * status: redirects are not followed. No proxy, no cookies, no .netrc, nothing is unpacked.
 * Connections are kept for the next request and closed when none comes. */
#ifndef FOREGATE_IO_HTTP_H
#define FOREGATE_IO_HTTP_H

#include "base/arena.h"
#include "base/error.h"
#include "io/http_question.h"
#include "io/loop.h"
#include "io/request.h"

#include <stdbool.h>
#include <stddef.h>

struct http_client;

struct http_settings {
    const char *ca;  /* file of trusted certificates (PEM); NULL or "": the system's */
    int timeout_ms;  /* for one answer */
    int requests;    /* under way at a time; beyond it they fail at once. As many
                        connections are open, at most */
    size_t max_body; /* bytes of an answer's body; a larger one is no answer */
    int idle_ms;     /* connections that wait for longer are closed */
};

/* Asks nobody; the file of settings.ca is read, to see that it can be. NULL: CONFIG or
 * SYSTEM. Strings are copied. */
struct http_client *http_client_new(struct loop *loop, const struct http_settings *settings,
                                    struct error *error);
void http_client_free(struct http_client **client); /* no request under way any more */

struct http_request;

/* Answers in place of servers, for tests of rules: called on the loop thread for each
 * request. It ends it by request_complete, with an answer, or by http_request_fail, at once
 * or later. */
typedef void http_script(void *argument, struct http_request *request);

/* Of the settings timeout_ms and max_body count. */
struct http_client *http_client_new_scripted(const struct http_settings *settings,
                                             http_script *script, void *argument);

struct http_answer {
    int status;         /* 200 and above */
    const char *reason; /* what the server wrote behind it; "" at least */
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* a NUL follows it */
    size_t body_length;
};

/* Fill it, give it to request_wait. request.ok is false when there is no complete answer:
 * TIMEOUT or REMOTE. A request that is sent on a kept connection which breaks before a byte
 * of the answer came is sent once more on a new one. */
struct http_request {
    struct request request;
    struct http_client *client;
    struct http_question question; /* in arena */
    const char *place;             /* the URL for people: no user, password or query */
    struct arena *arena;
    size_t max_body;           /* init sets the client's; may be less */
    struct http_answer answer; /* lives in arena */
};

/* Any thread; copies the question. The arena is the loop's until the request is complete,
 * and may be that of further requests that are waited for with this one. False (RULE): this
 * can be asked of nobody; the text does not repeat what may be secret. */
bool http_request_init(struct http_request *request, struct http_client *client,
                       const struct http_question *question, struct arena *arena,
                       struct error *error);

/* Loop thread, for scripts: no answer, for this reason, or in time. */
void http_request_fail(struct http_request *request, const char *reason);
void http_request_time_out(struct http_request *request);

#endif
