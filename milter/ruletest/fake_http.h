/* SPDX-License-Identifier: MIT */
/* Answers in place of HTTP servers, and a record of what was asked. Any thread. */
#ifndef FOREGATE_RULETEST_FAKE_HTTP_H
#define FOREGATE_RULETEST_FAKE_HTTP_H

#include "io/http.h"
#include "io/silence.h"

struct fake_http;

/* Nobody is there, until something else is said. */
struct fake_http *fake_http_new(struct silence *silence);
void fake_http_free(struct fake_http **fake);

enum fake_http_kind {
    FAKE_HTTP_ANSWER, /* copied */
    FAKE_HTTP_FAILS,  /* reason */
    FAKE_HTTP_SILENT  /* no answer */
};

/* Of `URL`, or of `METHOD URL`, which comes first; until it is said anew. */
void fake_http_answer(struct fake_http *fake, const char *url, enum fake_http_kind kind,
                      const struct http_answer *answer, const char *reason);

/* A http_script; argument is the fake. */
void fake_http_ask(void *argument, struct http_request *request);

/* Requests so far, the oldest first. They live as long as the fake. */
size_t fake_http_count(struct fake_http *fake);
const struct http_question *fake_http_asked(struct fake_http *fake, size_t index);

#endif
