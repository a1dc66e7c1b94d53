/* SPDX-License-Identifier: MIT */
/* A program that ends while its HTTP client may still be at work. */
#include "io/http.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENDED = 7, TORN_DOWN = 8, FAILED = 9 };

/* OpenSSL calls this when it frees what it has. */
static void on_teardown(void)
{
    _exit(TORN_DOWN);
}

/* Behind that: what is registered first is called last. */
static void on_end(void)
{
    _exit(ENDED);
}

static _Noreturn void play_program(void)
{
    struct error error;
    const struct http_settings settings = {.timeout_ms = 1, .requests = 1, .idle_ms = 1};
    struct loop *loop = loop_start(&error);
    if (atexit(on_end) != 0 || loop == NULL ||
        http_client_new(loop, &settings, &error) == NULL ||
        OPENSSL_atexit(on_teardown) != 1) {
        _exit(FAILED);
    }
    exit(FAILED);
}

static void test_openssl_stays(void **unused)
{
    (void)unused;
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        play_program();
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_openssl_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
