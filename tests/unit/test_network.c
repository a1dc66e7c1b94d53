/* SPDX-License-Identifier: MIT */
#include "base/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void contains_what_it_should(void **state)
{
    (void)state;

    static const struct {
        const char *list, *ip;
        bool want;
    } cases[] = {
        {"127.0.0.0/8 [::1]/128", "127.0.0.1", true},
        {"127.0.0.0/8 [::1]/128", "127.255.255.255", true},
        {"127.0.0.0/8 [::1]/128", "128.0.0.0", false},
        {"127.0.0.0/8 [::1]/128", "::1", true},
        {"127.0.0.0/8 [::1]/128", "[::1]", true},
        {"127.0.0.0/8 [::1]/128", "IPv6:::1", true},
        {"127.0.0.0/8 [::1]/128", "[IPv6:::1]", true},
        {"127.0.0.0/8 [::1]/128", "::2", false},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"[::ffff:10.0.0.0]/104", "10.200.1.1", true},
        {"[::ffff:10.0.0.0]/104", "11.0.0.1", false},
        {"[::]/0", "10.0.0.1", false}, /* IPv6 only, as in Postfix */
        {"[::]/0", "2001:db8::1", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.0/23", "10.1.3.255", true},
        {"10.1.2.0/23", "10.1.4.0", false},
        {"10.1.2.4/31", "10.1.2.5", true},
        {"10.1.2.4/31", "10.1.2.6", false},
        {"[2001:db8::]/33", "2001:db8:7fff::1", true},
        {"[2001:db8::]/33", "2001:db8:8000::1", false},
        {"fe80::/10", "fe80::1%eth0", true},
        {"192.0.2.1,198.51.100.0/24,\t[2001:db8::1]", "198.51.100.7", true},
        {"", "127.0.0.1", false},
        {"0.0.0.0/0 [::]/0", "unknown", false},
        {"0.0.0.0/0 [::]/0", "", false},
        {"0.0.0.0/0 [::]/0", "10.0.0", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct network_list list;
        struct error error;
        assert_true(network_list_parse(arena, cases[i].list, &list, &error));
        if (network_list_contains(&list, cases[i].ip) != cases[i].want) {
            fail_msg("%s in %s", cases[i].ip, cases[i].list);
        }
        arena_free(&arena);
    }
}

static void refuses_with_the_correction(void **state)
{
    (void)state;

    static const struct {
        const char *list, *want;
    } cases[] = {
        {"10.0.0.1/8", "write 10.0.0.0/8"},
        {"127.0.0.0/8 192.168.1.77/24", "192.168.1.77/24 has bits beyond its prefix"},
        {"192.168.1.77/31", "write 192.168.1.76/31"},
        {"[2001:db8::1]/32", "write [2001:db8::]/32"},
        {"10.0.0.0/33", "prefix from 0 to 32"},
        {"[::1]/129", "prefix from 0 to 128"},
        {"10.0.0.0/", "prefix from 0 to 32"},
        {"10.0.0.0/8x", "prefix from 0 to 32"},
        {"10.0.0.0/-1", "prefix from 0 to 32"},
        {"10.0.0.0/4294967304", "prefix from 0 to 32"},
        {"10.0.0", "is no IP address"},
        {"10.0.0.256", "is no IP address"},
        {"010.0.0.1", "is no IP address"},
        {"[::1", "is no IP address"},
        {"mail.example.com", "is no IP address"},
        {"!10.0.0.1", "is no IP address"},
        {"/etc/networks", "is no IP address"},
        {"/8", "is no IP address"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct network_list list;
        struct error error = {.kind = ERROR_NONE};
        assert_false(network_list_parse(arena, cases[i].list, &list, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        if (strstr(error.text, cases[i].want) == NULL) {
            fail_msg("%s: %s", cases[i].list, error.text);
        }
        arena_free(&arena);
    }
}

static void survives_long_words(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct arena *arena = arena_new();
    struct network_list list;
    struct error error;
    assert_false(network_list_parse(arena, text, &list, &error));
    assert_true(network_list_parse(arena, "0.0.0.0/0", &list, &error));
    assert_false(network_list_contains(&list, text));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contains_what_it_should),
        cmocka_unit_test(refuses_with_the_correction),
        cmocka_unit_test(survives_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
