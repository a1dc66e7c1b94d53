/* SPDX-License-Identifier: MIT */
#include "io/http_transfer.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* libcurl gives the first of several addresses half of the time to connect: it has to know
 * the time, but the deadline comes first. */
enum { LATER_MS = 100, LOOKUP_MS = 10 * 60 * 1000, REASON_BYTES = 200 };

#define set(handle, option, value) must(curl_easy_setopt(handle, option, value) == CURLE_OK)

/* Only memory can be short, or the library another one than at start. */
static void must(bool done)
{
    if (!done) {
        abort();
    }
}

bool http_transfer_check(const char *url, struct error *error)
{
    CURLU *parts = curl_url();
    must(parts != NULL);
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_cleanup(parts);
    return code == CURLUE_OK ||
           error_set(error, ERROR_RULE, "this is no URL: %s", curl_url_strerror(code));
}

__attribute__((format(printf, 3, 4))) static bool
fail(struct http_request *request, enum error_kind kind, const char *format, ...)
{
    char reason[CURL_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return error_set(&request->request.error, kind, "http %s %s: %s",
                     request->question.method, request->place, reason);
}

/* Where the time went; to connect includes TLS. */
static const char *phase_of(const struct http_transfer *transfer)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    return transfer->looks_up           ? "looking up the name"
           : transfer->header_bytes > 0 ? "the answer has begun"
           : sent > 0                   ? "nothing came"
                                        : "connecting";
}

/* libcurl leaves a CR in an empty value. */
static void take_headers(struct http_transfer *transfer)
{
    struct http_request *request = transfer->request;
    struct http_header *headers = NULL;
    size_t size = 0;
    size_t count = 0;
    struct curl_header *from = NULL;
    while ((from = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, from)) != NULL) {
        headers = arena_grow(request->arena, headers, count, &size, sizeof *headers);
        const char *value = text_trim(arena_copy(request->arena, from->value));
        headers[count++] = (struct http_header){
            .name = text_fold_copy(request->arena, from->name),
            .name_length = strlen(from->name),
            .value = value,
            .value_length = strlen(value),
        };
    }
    request->answer.headers = headers;
    request->answer.header_count = count;
}

/* open_socket ends what nobody waits for. */
bool http_transfer_expire(struct http_transfer *transfer)
{
    struct http_request *request = transfer->request;
    fail(request, ERROR_TIMEOUT, "no answer within %d ms: %s", request->request.timeout_ms,
         phase_of(transfer));
    if (transfer->looks_up) {
        transfer->request = NULL;
        set(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)LOOKUP_MS);
    }
    return !transfer->looks_up;
}

/* Why there is no complete answer. */
static bool explain(struct http_transfer *transfer, CURLcode code)
{
    struct http_request *request = transfer->request;
    const char *fault =
        transfer->fault[0] != '\0' ? transfer->fault : curl_easy_strerror(code);
    if (transfer->body.truncated) {
        return fail(request, ERROR_REMOTE, "the body is longer than %zu bytes",
                    request->max_body);
    }
    if (transfer->header_bytes > HTTP_HEADER_BYTES) {
        return fail(request, ERROR_REMOTE, "the header is longer than %d bytes",
                    HTTP_HEADER_BYTES);
    }
    long number = 0;
    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
        number != 0) {
        errno = (int)number;
        return fail(request, ERROR_REMOTE, "cannot connect: %m");
    }
    enum error_kind kind = code == CURLE_OPERATION_TIMEDOUT ? ERROR_TIMEOUT : ERROR_REMOTE;
    return fail(request, kind, "%s",
                text_printable(request->arena, fault, CURL_ERROR_SIZE));
}

/* An answer, or why there is none. */
bool http_transfer_judge(struct http_transfer *transfer, CURLcode code)
{
    struct http_request *request = transfer->request;
    if (code != CURLE_OK) {
        return explain(transfer, code);
    }
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || !transfer->header_ended) {
        return fail(request, ERROR_REMOTE, "the answer is cut off, or has no status");
    }
    take_headers(transfer);
    request->answer.status = (int)status;
    request->answer.body =
        arena_copy_bytes(request->arena, transfer->body.data, transfer->body.length);
    request->answer.body_length = transfer->body.length;
    return true;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *argument)
{
    struct http_transfer *transfer = argument;
    return buffer_append(&transfer->body, bytes, size * count) ? size * count : 0;
}

/* `HTTP/1.1 207 Multi-Status`. Nobody may be waiting any more. */
static void take_reason(struct http_transfer *transfer, const char *line, size_t length)
{
    if (transfer->request == NULL) {
        return;
    }
    struct arena *arena = transfer->request->arena;
    char *text = text_trim(arena_copy_bytes(arena, line, length));
    const char *status = strchr(text, ' ');
    const char *reason = status != NULL ? strchr(status + 1, ' ') : NULL;
    transfer->request->answer.reason =
        text_printable(arena, reason != NULL ? reason + 1 : "", REASON_BYTES);
}

/* libcurl keeps the lines itself. Those of a 100 Continue count, and those behind the body.
 */
static size_t take_header(char *line, size_t size, size_t count, void *argument)
{
    struct http_transfer *transfer = argument;
    size_t length = size * count;
    transfer->header_bytes += length;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer->header_ended = false;
        take_reason(transfer, line, length);
    } else if (length > 0 && (line[0] == '\r' || line[0] == '\n')) {
        transfer->header_ended = true;
    }
    return transfer->header_bytes <= HTTP_HEADER_BYTES ? length : 0;
}

static int begin_lookup(void *unused_state, void *unused_reserved, void *argument)
{
    (void)unused_state;
    (void)unused_reserved;
    struct http_transfer *transfer = argument;
    transfer->looks_up = true;
    return 0;
}

static curl_socket_t open_socket(void *argument, curlsocktype unused_purpose,
                                 struct curl_sockaddr *address)
{
    (void)unused_purpose;
    struct http_transfer *transfer = argument;
    transfer->looks_up = false;
    return transfer->request == NULL
               ? CURL_SOCKET_BAD
               : socket(address->family, address->socktype | SOCK_CLOEXEC,
                        address->protocol);
}

static void add_header(struct http_transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    must(longer != NULL);
    transfer->headers = longer;
}

static void add_headers(struct http_transfer *transfer)
{
    const struct http_question *question = &transfer->request->question;
    bool has_type = false;
    add_header(transfer, "Expect:"); /* which means: not */
    for (size_t i = 0; i < question->header_count; i++) {
        const struct http_header *header = &question->headers[i];
        has_type = has_type || text_equal_folded(header->name, "content-type");
        /* How libcurl is told of an empty one. */
        add_header(transfer,
                   header->value_length == 0
                       ? arena_format(transfer->request->arena, "%s;", header->name)
                       : arena_format(transfer->request->arena, "%s: %s", header->name,
                                      header->value));
    }
    if (!has_type) {
        add_header(transfer, "Content-Type:");
    }
    set(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

/* libcurl copies texts and the body. */
static void set_question(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct http_question *question = &transfer->request->question;
    const char *method = question->method;
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0;
    set(easy, CURLOPT_URL, question->url);
    if (strcmp(method, "HEAD") == 0) {
        set(easy, CURLOPT_NOBODY, 1L);
    } else if (is_get && question->body == NULL) {
        set(easy, CURLOPT_CUSTOMREQUEST, method);
    } else {
        const char *body = question->body != NULL ? question->body : "";
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)question->body_length);
        set(easy, CURLOPT_COPYPOSTFIELDS, body);
        set(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    add_headers(transfer);
}

static void set_callbacks(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    set(easy, CURLOPT_PRIVATE, transfer);
    set(easy, CURLOPT_ERRORBUFFER, transfer->fault);
    set(easy, CURLOPT_WRITEFUNCTION, take_body);
    set(easy, CURLOPT_WRITEDATA, transfer);
    set(easy, CURLOPT_HEADERFUNCTION, take_header);
    set(easy, CURLOPT_HEADERDATA, transfer);
    set(easy, CURLOPT_RESOLVER_START_FUNCTION, begin_lookup);
    set(easy, CURLOPT_RESOLVER_START_DATA, transfer);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, transfer);
}

/* QUICK_EXIT: a look-up is never waited for; libcurl lets go of its thread, which frees
 * what it has when it ends. A folder of certificates is looked into when one is needed, a
 * file is read whole, once a multi handle. */
static void set_manners(CURL *easy, const struct http_settings *settings, int timeout_ms)
{
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    set(easy, CURLOPT_USERAGENT, "Foregate");
    set(easy, CURLOPT_PROXY, "");
    /* So that a length beyond that is not ignored. */
    set(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)INT64_MAX);
    set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    const char *file = settings->ca;
    const char *folder = curl_version_info(CURLVERSION_NOW)->capath;
    if (file != NULL || folder != NULL) {
        set(easy, CURLOPT_CAINFO, file);
        set(easy, CURLOPT_CAPATH, file != NULL ? NULL : folder);
    }
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms + LATER_MS);
    set(easy, CURLOPT_MAXAGE_CONN, settings->idle_ms / 1000L + 1);
}

struct http_transfer *http_transfer_new(struct http_request *request,
                                        const struct http_settings *settings)
{
    struct http_transfer *transfer = calloc(1, sizeof *transfer);
    must(transfer != NULL);
    transfer->client = request->client;
    transfer->request = request;
    buffer_init(&transfer->body, request->max_body);
    transfer->easy = curl_easy_init();
    must(transfer->easy != NULL);
    set_manners(transfer->easy, settings, request->request.timeout_ms);
    set_callbacks(transfer);
    set_question(transfer);
    return transfer;
}

void http_transfer_free(struct http_transfer **transfer)
{
    curl_easy_cleanup((*transfer)->easy);
    curl_slist_free_all((*transfer)->headers);
    buffer_deinit(&(*transfer)->body);
    free(*transfer);
    *transfer = NULL;
}
