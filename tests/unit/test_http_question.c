/* SPDX-License-Identifier: MIT */
/* What may be asked of an HTTP server, what people see of it, and %XX. */
#include "io/http_question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(text) text, sizeof(text) - 1
#define HEADER(name, value) (const struct http_header[]){{TEXT(name), TEXT(value)}}, 1
#define NONE NULL, 0
#define URL TEXT("http://a.example/")

struct expectation {
    struct http_question question;
    const char *fault; /* a part of the error; NULL: fine */
};

static const struct expectation expectations[] = {
    {{NULL, URL, NONE, NONE}, NULL},
    {{NULL, URL, NONE, TEXT("body\0\r\n")}, NULL},
    {{"HEAD", TEXT("HTTPS://A.example:8443/%20?a=b#c"), NONE, NONE}, NULL},
    {{"DELETE", URL, NONE, TEXT("")}, NULL},
    {{"PUT", URL, HEADER("Content-Type", "text/plain"), NONE}, NULL},
    {{"GET", URL, HEADER("X-Odd_!#$%&'*+.^`|~9", "\t \xff\""), NONE}, NULL},
    {{"GET", URL, HEADER("Host", ""), NONE}, NULL},

    {{"get", URL, NONE, NONE}, "the method is none of GET"},
    {{"", URL, NONE, NONE}, "the method is none of"},
    {{"CONNECT", URL, NONE, NONE}, "the method is none of"},
    {{"GET / HTTP/1.1\r\nX: y\r\n\r\nGET", URL, NONE, NONE}, "the method is none of"},
    {{"GET", URL, NONE, TEXT("x")}, "GET takes no body"},
    {{"HEAD", URL, NONE, TEXT("")}, "HEAD takes no body"},
    {{"POST", URL, NONE, "x", HTTP_BODY_BYTES + 1}, "longer than 1048576"},

    {{NULL, TEXT(""), NONE, NONE}, "neither http:// nor https://"},
    {{NULL, TEXT("http:/a.example/"), NONE, NONE}, "neither"},
    {{NULL, TEXT("a.example/"), NONE, NONE}, "neither"},
    {{NULL, TEXT("file:///etc/passwd"), NONE, NONE}, "neither"},
    {{NULL, TEXT("gopher://a.example/"), NONE, NONE}, "neither"},
    {{NULL, TEXT(" http://a.example/"), NONE, NONE}, "a blank or other"},
    {{NULL, TEXT("http://a.example/\r\nX: y"), NONE, NONE}, "a blank or other"},
    {{NULL, TEXT("http://a.example/\0"), NONE, NONE}, "a blank or other"},
    {{NULL,
      TEXT("http://b\xc3\xbc"
           "cher.example/"),
      NONE, NONE},
     "A-labels"},
    {{NULL, "http://a.example/", HTTP_URL_BYTES + 1, NONE, NONE}, "longer than 8192"},

    {{NULL, URL, HEADER("", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X Y", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X:", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X\r\nY", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X\0", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X\xc3\xbc", "x"), NONE}, "whose name is none"},
    {{NULL, URL, HEADER("X", "a\r\nY: b"), NONE}, "the header X holds a line end"},
    {{NULL, URL, HEADER("X", "a\nb"), NONE}, "the header X holds"},
    {{NULL, URL, HEADER("X", "a\0"), NONE}, "the header X holds"},
    {{NULL, URL, HEADER("X", "\x7f"), NONE}, "the header X holds"},
    {{NULL, URL, HEADER("Content-Length", "1"), NONE}, "Content-Length is not for a rule"},
    {{NULL, URL, HEADER("transfer-encoding", "chunked"), NONE}, "transfer-encoding is not"},
    {{NULL, URL, HEADER("CONNECTION", "close"), NONE}, "CONNECTION is not"},
};

static void test_questions(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *want = &expectations[i];
        struct error error = {0};
        bool ok = http_question_check(&want->question, &error);
        if (ok != (want->fault == NULL) ||
            (!ok &&
             (error.kind != ERROR_RULE || strstr(error.text, want->fault) == NULL))) {
            fail_msg("case %zu: %s, want %s", i, ok ? "fine" : error.text,
                     want->fault != NULL ? want->fault : "fine");
        }
    }
}

static void test_too_many_headers(void **unused)
{
    (void)unused;
    static const char large[HTTP_HEADER_BYTES + 1];
    struct http_header headers[HTTP_HEADERS + 1];
    for (size_t i = 0; i <= HTTP_HEADERS; i++) {
        headers[i] = (struct http_header){TEXT("X"), TEXT("y")};
    }
    struct http_question question = {.url = "http://a.example/", .url_length = 17};
    struct error error;
    question.headers = headers;
    question.header_count = HTTP_HEADERS;
    assert_true(http_question_check(&question, &error));
    question.header_count = HTTP_HEADERS + 1;
    assert_false(http_question_check(&question, &error));
    char *value = malloc(sizeof large);
    memset(value, 'v', sizeof large - 1);
    value[sizeof large - 1] = '\0';
    headers[0].value = value;
    question.header_count = 1;
    headers[0].value_length = HTTP_HEADER_BYTES - 1;
    assert_true(http_question_check(&question, &error));
    headers[0].value_length = HTTP_HEADER_BYTES;
    assert_false(http_question_check(&question, &error));
    free(value);
}

static void test_places(void **unused)
{
    (void)unused;
    static const char *const places[][2] = {
        {"http://a.example", "http://a.example"},
        {"https://user:pass@a.example:8443/p/q?secret#part", "https://a.example:8443/p/q"},
        {"http://u@evil@a.example/x@y", "http://a.example/x@y"},
        {"http://a.example?user:pass@b", "http://a.example"},
        {"http://a.example#x", "http://a.example"},
        {"http://[::1]:80/", "http://[::1]:80/"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct http_question question = {.url = places[i][0],
                                               .url_length = strlen(places[i][0])};
        assert_string_equal(http_question_place(arena, &question), places[i][1]);
    }
    char url[1000] = "http://a.example/";
    memset(url + 17, 'x', sizeof url - 18);
    const struct http_question question = {.url = url, .url_length = strlen(url)};
    assert_true(strlen(http_question_place(arena, &question)) < 250);
    arena_free(&arena);
}

static void test_copy(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    char body[] = "a\0b";
    char url[] = "http://a.example/";
    struct http_question question = {.url = url, .url_length = sizeof url - 1};
    assert_string_equal(http_question_copy(arena, &question).method, "GET");
    question.body = body;
    question.body_length = 3;
    struct http_question copy = http_question_copy(arena, &question);
    memset(body, '?', sizeof body);
    memset(url, '?', sizeof url);
    assert_string_equal(copy.method, "POST");
    assert_string_equal(copy.url, "http://a.example/");
    assert_memory_equal(copy.body, "a\0b", 4);
    arena_free(&arena);
}

static void test_escape(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    assert_string_equal(http_escape(arena, TEXT("aZ09-._~")), "aZ09-._~");
    assert_string_equal(http_escape(arena, TEXT("a+b@c &=/?#%\r\n\0\xff\"")),
                        "a%2Bb%40c%20%26%3D%2F%3F%23%25%0D%0A%00%FF%22");
    assert_string_equal(http_escape(arena, "", 0), "");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions), cmocka_unit_test(test_too_many_headers),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_copy),
        cmocka_unit_test(test_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
