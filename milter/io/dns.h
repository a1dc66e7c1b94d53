/* SPDX-License-Identifier: MIT */
/* Questions to the DNS as requests: c-ares on the loop thread, and at home here alone. It
 * repeats a question, tries further servers, and takes TCP where an answer is cut. Nothing
 * is remembered: that is the work of the server that is asked, which is trusted to say what
 * the DNS says; no signatures are looked at. */
#ifndef FOREGATE_IO_DNS_H
#define FOREGATE_IO_DNS_H

#include "base/arena.h"
#include "base/error.h"
#include "io/dns_answer.h"
#include "io/loop.h"
#include "io/request.h"

#include <stdbool.h>
#include <stddef.h>

struct dns_client;

struct dns_settings {
    const char *servers; /* a list like `192.0.2.1 127.0.0.1:5353 [2001:db8::1]:53`; NULL or
                            "": those of /etc/resolv.conf, as they are now */
    int timeout_ms;      /* for one answer */
    int queries;         /* under way at a time; beyond it they fail at once */
};

/* Asks nobody. NULL: CONFIG or SYSTEM. */
struct dns_client *dns_client_new(struct loop *loop, const struct dns_settings *settings,
                                  struct error *error);
void dns_client_free(struct dns_client **client); /* no request under way any more */

struct dns_request;

/* Answers in place of the DNS, for tests of rules: called on the loop thread for each
 * question. It ends it by request_complete, with an answer, or by dns_request_fail, at once
 * or later. */
typedef void dns_script(void *argument, struct dns_request *request);

/* Of the settings only the time counts. */
struct dns_client *dns_client_new_scripted(const struct dns_settings *settings,
                                           dns_script *script, void *argument);

struct dns_question {
    enum dns_type type;
    const char *name; /* PTR: an IP address in text form */
    size_t length;
};

/* Fill it, give it to request_wait. request.ok is false when the DNS cannot tell: TIMEOUT
 * or REMOTE. That there is no such name, or no such record, is an answer without records.
 */
struct dns_request {
    struct request request;
    struct dns_client *client;
    enum dns_type type;
    char name[DNS_NAME_LENGTH + 1]; /* that is asked for */
    struct arena *arena;
    struct dns_answer answer; /* lives in arena */
};

/* The name that is asked for; of PTR another than the question's. False (RULE): nobody can
 * have such a name: empty, too long, an empty label, or a character that is no printable
 * ASCII, which an A-label has none of. */
bool dns_question_name(const struct dns_question *question, char asked[DNS_NAME_LENGTH + 1],
                       struct error *error);

/* Any thread. The arena is the loop's until the request is complete, and may be that of
 * further requests that are waited for with this one. False: see dns_question_name. */
bool dns_request_init(struct dns_request *request, struct dns_client *client,
                      const struct dns_question *question, struct arena *arena,
                      struct error *error);

/* Loop thread, for scripts: the DNS cannot tell, for this reason, or in time. */
void dns_request_fail(struct dns_request *request, const char *reason);
void dns_request_time_out(struct dns_request *request);

#endif
