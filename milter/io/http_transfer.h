/* SPDX-License-Identifier: MIT */
/* One request in the hands of libcurl: what it is told, and what is made of how it ends.
 * For http.c only; on the loop thread, but for the check. */
#ifndef FOREGATE_IO_HTTP_TRANSFER_H
#define FOREGATE_IO_HTTP_TRANSFER_H

#include "base/buffer.h"
#include "io/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/* Lives until libcurl is through with it, which may be after the request has ended. */
struct http_transfer {
    struct http_client *client;
    struct http_request *request; /* NULL: its time was over while a name was looked up */
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body;
    size_t header_bytes;
    bool header_ended; /* libcurl takes one that is cut off for a whole one */
    bool looks_up;     /* a thread of libcurl does; it cannot be stopped */
    char fault[CURL_ERROR_SIZE];
    struct event *deadline; /* http.c's, with the next */
    LIST_ENTRY(http_transfer) link;
};

/* Whether libcurl can read it. False: RULE. */
bool http_transfer_check(const char *url, struct error *error);

struct http_transfer *http_transfer_new(struct http_request *request,
                                        const struct http_settings *settings);

/* No multi handle has it any more. */
void http_transfer_free(struct http_transfer **transfer);

/* It has ended: true with the answer in the request, or false with an error there. */
bool http_transfer_judge(struct http_transfer *transfer, CURLcode code);

/* Its time is over: an error in the request. False: libcurl looks up the name and goes on
 * until the resolver gives up; then it ends, and nobody waits for it. */
bool http_transfer_expire(struct http_transfer *transfer);

#endif
