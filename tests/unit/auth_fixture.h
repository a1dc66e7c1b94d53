/* SPDX-License-Identifier: MIT */
/* What tests of auth scripts share: a loop, an HTTP client and server, scripts of one text.
 * One a test program. */
#ifndef FOREGATE_TESTS_AUTH_FIXTURE_H
#define FOREGATE_TESTS_AUTH_FIXTURE_H

#include "http_server.h"

#include "authscript/auth_script.h"
#include "base/log.h"

#include <stdio.h>
#include <sys/stat.h>

static struct loop *loop;
static struct http_client *http;
static char path[] = "/tmp/foregate-auth-XXXXXX";

static inline void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int call_ms = 2000;
static bool needs_ids = true;

static inline struct auth_script *load(const char *text, int states, struct error *error)
{
    write_file(text);
    const struct auth_script_settings settings = {
        .file = path,
        .arguments = "domain=example.com key=a=b flag",
        .scheme = "PLAIN",
        .states = states,
        .memory = 4 << 20,
        .instructions = 1000000,
        .timeout_ms = call_ms,
        .needs_ids = needs_ids,
        .loop = loop,
        .http = http,
    };
    return auth_script_new(&settings, error);
}

static inline struct auth_request request_of(struct arena *arena, const char *user)
{
    struct auth_request request = auth_request_new(arena, user);
    request.service = "smtp";
    return request;
}

static inline void no_line(const struct log_line *line)
{
    (void)line;
}

static inline int set_up(void **state)
{
    (void)state;
    struct error error;
    log_capture(no_line);
    start_server(state);
    loop = loop_start(&error);
    const struct http_settings settings = {
        .timeout_ms = 1000, .requests = 100, .max_body = 1000, .idle_ms = 1000};
    http = http_client_new(loop, &settings, &error);
    int file = mkstemp(path);
    close(file);
    return loop != NULL && http != NULL && file >= 0 ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    http_client_free(&http);
    loop_stop(&loop);
    unlink(path);
    stop_server(state);
    return 0;
}

#endif
