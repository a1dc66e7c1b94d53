/* SPDX-License-Identifier: MIT */
#include "io/http_question.h"

#include "base/text.h"

#include <string.h>

enum { PLACE_BYTES = 200 };

static const char *const methods[] = {"GET",    "HEAD",    "POST",     "PUT",   "PATCH",
                                      "DELETE", "OPTIONS", "PROPFIND", "REPORT"};

/* They say where the request ends and what becomes of the connection, which is not the
 * asker's business. */
static const char *const reserved[] = {
    "connection", "content-length", "expect",  "keep-alive",
    "te",         "trailer",        "upgrade", "transfer-encoding",
};

static const char unreserved[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

static bool is_among(const char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal_folded(texts[i], text)) {
            return true;
        }
    }
    return false;
}

static bool check_method(const struct http_question *question, struct error *error)
{
    const char *method = question->method;
    bool is_known = method == NULL;
    for (size_t i = 0; !is_known && i < sizeof methods / sizeof methods[0]; i++) {
        is_known = strcmp(methods[i], method) == 0;
    }
    if (!is_known) {
        return error_set(error, ERROR_RULE,
                         "the method is none of GET, HEAD, POST, PUT, PATCH, DELETE, "
                         "OPTIONS, PROPFIND, REPORT");
    }
    bool takes_none =
        method != NULL && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
    if (takes_none && question->body != NULL) {
        return error_set(error, ERROR_RULE, "%s takes no body", method);
    }
    return question->body_length <= HTTP_BODY_BYTES ||
           error_set(error, ERROR_RULE, "the body is longer than %d bytes",
                     HTTP_BODY_BYTES);
}

static bool check_url(const struct http_question *question, struct error *error)
{
    if (question->url_length > HTTP_URL_BYTES) {
        return error_set(error, ERROR_RULE, "the URL is longer than %d bytes",
                         HTTP_URL_BYTES);
    }
    for (size_t i = 0; i < question->url_length; i++) {
        if (question->url[i] <= ' ' || question->url[i] > '~') {
            return error_set(error, ERROR_RULE,
                             "the URL holds a blank or other than printable ASCII; write "
                             "%%XX, and domains by their A-labels");
        }
    }
    return text_starts_folded(question->url, "http://") ||
           text_starts_folded(question->url, "https://") ||
           error_set(error, ERROR_RULE, "the URL begins with neither http:// nor https://");
}

/* RFC 9110 5.6.2 */
static bool is_token(const char *text, size_t length)
{
    static const char signs[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char c = text_fold_char(text[i]);
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || strchr(signs, c) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

static bool is_value(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool check_header(const struct http_header *header, struct error *error)
{
    if (!is_token(header->name, header->name_length)) {
        return error_set(error, ERROR_RULE, "there is a header whose name is none");
    }
    if (is_among(reserved, sizeof reserved / sizeof reserved[0], header->name)) {
        return error_set(error, ERROR_RULE, "the header %s is not for a rule to set",
                         header->name);
    }
    return is_value(header->value, header->value_length) ||
           error_set(error, ERROR_RULE,
                     "the header %.100s holds a line end, NUL or control character",
                     header->name);
}

bool http_question_check(const struct http_question *question, struct error *error)
{
    if (!check_method(question, error) || !check_url(question, error)) {
        return false;
    }
    size_t sum = 0;
    for (size_t i = 0; i < question->header_count; i++) {
        if (!check_header(&question->headers[i], error)) {
            return false;
        }
        sum += question->headers[i].name_length + question->headers[i].value_length;
    }
    return (question->header_count <= HTTP_HEADERS && sum <= HTTP_HEADER_BYTES) ||
           error_set(error, ERROR_RULE, "more than %d headers, or %d bytes of them",
                     HTTP_HEADERS, HTTP_HEADER_BYTES);
}

struct http_question http_question_copy(struct arena *arena,
                                        const struct http_question *question)
{
    struct http_question copy = *question;
    struct http_header *headers =
        arena_array(arena, question->header_count, sizeof *headers);
    for (size_t i = 0; i < question->header_count; i++) {
        const struct http_header *from = &question->headers[i];
        headers[i] = *from;
        headers[i].name = arena_copy_bytes(arena, from->name, from->name_length);
        headers[i].value = arena_copy_bytes(arena, from->value, from->value_length);
    }
    copy.headers = headers;
    copy.method = question->method != NULL ? arena_copy(arena, question->method)
                  : question->body != NULL ? "POST"
                                           : "GET";
    copy.url = arena_copy_bytes(arena, question->url, question->url_length);
    if (question->body != NULL) {
        copy.body = arena_copy_bytes(arena, question->body, question->body_length);
    }
    return copy;
}

const char *http_question_place(struct arena *arena, const struct http_question *question)
{
    const char *host = strstr(question->url, "://") + 3;
    const char *path = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(path - host));
    const char *start = at != NULL ? at + 1 : host;
    size_t length = (size_t)(path - start) + strcspn(path, "?#");
    const char *shown = arena_format(arena, "%.*s%.*s", (int)(host - question->url),
                                     question->url, (int)length, start);
    return text_printable(arena, shown, PLACE_BYTES);
}

char *http_escape(struct arena *arena, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = arena_alloc(arena, 3 * length + 1);
    char *at = text;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c != '\0' && strchr(unreserved, c) != NULL) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 0xf];
        }
    }
    return text;
}
