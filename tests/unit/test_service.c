/* SPDX-License-Identifier: MIT */
#include "io/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_syntax(void **unused)
{
    (void)unused;
    static const char *const good[] = {
        "inet:127.0.0.1:65265",
        "inet:mail.example.test:1",
        "inet:[::1]:65535",
        "inet:localhost:65265",
        "unix:/run/quota-status",
        "inet:[fe80::1]:25",
        "tls:[::1]:12341",
        "tls:127.0.0.1:1",
        "tls:quota.example.test:12341",
        "inet:mail-server_1:0000025",
    };
    static const char *const bad[] = {
        "",          "127.0.0.1:65265",  "inet:",         "inet:65265",     "inet::65265",
        "inet:h:",   "inet:h:0",         "inet:h:65536",  "inet:h:999999",  "inet:h:x",
        "inet:h:+1", "inet:::1:65265",   "inet:[::1]",    "inet:[::1:25",   "inet:::1]:25",
        "inet:[]:1", "inet:[host]:1",    "inet:[1::x]:1", "inet:1@host",    "unix:",
        "unix:run",  "tcp:localhost:25", "INET:h:1",      "inet:[127.1]:1", "tls:",
        "tls:h",     "tls::1",           "tls:h:0",       "tls:::1:1",
    };
    struct service service;
    struct error error;
    for (size_t i = 0; i + 1 < sizeof good / sizeof good[0]; i++) {
        if (!service_parse(&service, good[i], &error)) {
            fail_msg("%s: %s", good[i], error.text);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (service_parse(&service, bad[i], &error)) {
            fail_msg("%s is taken", bad[i]);
        }
        assert_int_equal(error.kind, ERROR_CONFIG);
    }
    assert_true(service_parse(&service, "inet:h:1", &error) && !service.is_tls);
    assert_true(service_parse(&service, "unix:/tls", &error) && !service.is_tls);
    assert_true(service_parse(&service, "tls:[::1]:1", &error) && service.is_tls);
    assert_string_equal(service.host, "::1");
    char path[200] = "unix:/";
    memset(path + 6, 'x', sizeof path - 7);
    path[5 + 107] = '\0';
    assert_true(service_parse(&service, path, &error));
    path[5 + 107] = 'x';
    assert_false(service_parse(&service, path, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
