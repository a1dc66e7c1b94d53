/* SPDX-License-Identifier: MIT */
/* What is asked of an HTTP server, and whether it can be written down so that the server
 * reads the same: no line ends where they would begin another header. Any thread. */
#ifndef FOREGATE_IO_HTTP_QUESTION_H
#define FOREGATE_IO_HTTP_QUESTION_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    HTTP_URL_BYTES = 8192,
    HTTP_HEADERS = 100,
    HTTP_HEADER_BYTES = 32 * 1024, /* names and values of all, of an answer as well */
    HTTP_BODY_BYTES = 1 << 20,     /* of a question */
};

struct http_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

/* Borrows. A NUL follows each text; those with a length may hold anything before it. */
struct http_question {
    const char *method; /* GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND REPORT; NULL:
                           POST with a body, else GET */
    const char *url;
    size_t url_length;
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_length;
};

/* Everything but the form of the URL behind its scheme. False: RULE. */
bool http_question_check(const struct http_question *question, struct error *error);

/* A copy in arena; the method is given, names and values end with a NUL. */
struct http_question http_question_copy(struct arena *arena,
                                        const struct http_question *question);

/* The URL for people, cut when it is long: without user, password, query and fragment,
 * where secrets are. */
const char *http_question_place(struct arena *arena, const struct http_question *question);

/* With %XX for all but letters, digits and -._~ (RFC 3986 2.3): for one part of a path or
 * query. */
char *http_escape(struct arena *arena, const char *bytes, size_t length);

#endif
