/* SPDX-License-Identifier: MIT */
/* One kept-open connection to quota-status: connects, asks one question at a time, reads
 * its answer. Answers carry no ids, so a connection that owes an answer, or gave more than
 * one, is closed and never used for the next question. For asking.c only; all on the loop
 * thread. */
#ifndef FOREGATE_QUOTA_CONNECTION_H
#define FOREGATE_QUOTA_CONNECTION_H

#include "base/error.h"
#include "io/service.h"
#include "io/stream.h"
#include "quota/answer.h"
#include "quota/client.h"

#include <stdbool.h>
#include <stddef.h>

struct event;
struct event_base;

enum quota_connection_state {
    QUOTA_CONNECTION_CLOSED,
    QUOTA_CONNECTION_CONNECTING, /* for a question */
    QUOTA_CONNECTION_HANDSHAKE,  /* connected, but with TLS nobody knows yet to whom */
    QUOTA_CONNECTION_IDLE,
    QUOTA_CONNECTION_BUSY, /* asking, or waiting for the answer */
};

struct quota_connection {
    struct quota_client *client;
    struct event_base *base;
    struct service *service;
    struct tls_peer *tls; /* NULL: plain */
    int idle_ms;
    enum quota_connection_state state;
    struct stream stream; /* with reader and writer: unless CLOSED */
    struct event *reader;
    struct event *writer;
    size_t first_address;           /* of the service, for this question */
    size_t tried_count;             /* addresses from there on; the last one is in use */
    struct error failure;           /* why one of them that could be reached is no good */
    bool is_reused;                 /* has answered before */
    struct quota_request *question; /* unless CLOSED or IDLE */
    char output[QUOTA_MAILBOX_BYTES + 256];
    size_t output_length;
    size_t sent_length;
    char input[QUOTA_ANSWER_BYTES]; /* since the question */
    size_t input_length;
};

/* Whether it has taken no question yet. */
bool quota_connection_is_new(const struct quota_connection *connection);

/* The connection must be CLOSED or IDLE. A connection found stale is made anew. Ends, maybe
 * before it returns, with one of the three reports below, unless it is dropped. */
void quota_connection_ask(struct quota_connection *connection,
                          struct quota_request *question);

/* Closes; returns the question that was under way, or NULL. */
struct quota_request *quota_connection_drop(struct quota_connection *connection);

/* Reports, in asking.c. The question is the client's again, the connection IDLE or CLOSED.
 * They ask no further question: that is what quota_client_advance is for, called at the end
 * of every event. */
void quota_client_answered(struct quota_request *question,
                           const struct quota_answer *answer);
void quota_client_unreachable(struct quota_request *question, const struct error *error);
void quota_client_lost(struct quota_request *question, const struct error *error);
void quota_client_advance(struct quota_client *client);

#endif
