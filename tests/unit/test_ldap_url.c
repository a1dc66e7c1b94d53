/* SPDX-License-Identifier: MIT */
#include "ldap/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_servers(void **unused)
{
    (void)unused;

    static const struct {
        const char *url, *host, *port; /* host NULL: refused; "": a path */
        bool is_tls, is_name;
    } cases[] = {
        {"ldap://ldap.example.test", "ldap.example.test", "389", false, true},
        {"LDAP://ldap.example.test:3389/", "ldap.example.test", "3389", false, true},
        {"ldaps://ldap.example.test", "ldap.example.test", "636", true, true},
        {"ldap://192.0.2.1:390", "192.0.2.1", "390", false, false},
        {"ldaps://[2001:db8::1]", "2001:db8::1", "636", true, false},
        {"ldap://", "localhost", "389", false, true},
        {"ldapi://%2Frun%2Fslapd%2Fldapi", "", "", false, false},
        {"ldapi://", "", "", false, false},
        {"ldapi://run", NULL, NULL, false, false},
        {"ldap://[2001:db8::x]", NULL, NULL, false, false},
        {"ldap://host:70000", NULL, NULL, false, false},
        {"ldap://host:x", NULL, NULL, false, false},
        {"cldap://host", NULL, NULL, false, false},
        {"http://host", NULL, NULL, false, false},
        {"host", NULL, NULL, false, false},
        {"", NULL, NULL, false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service service;
        struct error error = {0};
        bool ok = ldap_url_parse_server(cases[i].url, &service, &error);
        if (ok != (cases[i].host != NULL)) {
            fail_msg("%s: %s", cases[i].url, ok ? "taken" : error.text);
        }
        if (!ok) {
            assert_int_equal(error.kind, ERROR_CONFIG);
            assert_memory_equal(error.text, cases[i].url, strlen(cases[i].url));
            continue;
        }
        assert_string_equal(service.host, cases[i].host);
        assert_string_equal(service.port, cases[i].port);
        assert_int_equal(service.is_tls, cases[i].is_tls);
        assert_int_equal(service.is_name, cases[i].is_name);
    }
}

static void test_searches(void **unused)
{
    (void)unused;

    static const struct {
        const char *text, *base, *filter;
        int scope;
        const char *first, *second; /* of the attributes */
    } cases[] = {
        {"ldap:///dc=test?mail,cn?sub?(uid=a)", "dc=test", "(uid=a)", 2, "mail", "cn"},
        {"ldap://elsewhere:99/dc=test??one", "dc=test", NULL, 1, NULL, NULL},
        {"LDAPS:///ou=a%20b,dc=test", "ou=a b,dc=test", NULL, 0, NULL, NULL},
        {"ldap:///", "", NULL, 0, NULL, NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ldap_url url;
        struct error error;
        assert_true(ldap_url_is(cases[i].text));
        assert_true(ldap_url_parse_text(&url, cases[i].text, arena, &error));
        assert_string_equal(url.base, cases[i].base);
        assert_int_equal(url.scope, cases[i].scope);
        assert_true((url.filter == NULL) == (cases[i].filter == NULL));
        if (url.filter != NULL) {
            assert_string_equal(url.filter, cases[i].filter);
        }
        assert_true((url.attributes == NULL) == (cases[i].first == NULL));
        if (url.attributes != NULL) {
            assert_string_equal(url.attributes[0], cases[i].first);
            assert_string_equal(url.attributes[1], cases[i].second);
            assert_null(url.attributes[2]);
        }
    }
    struct ldap_url unused_url;
    struct error error;
    assert_false(ldap_url_is("uid=a,dc=test"));
    assert_false(ldap_url_parse_text(&unused_url, "ldap:///x??everywhere", arena, &error));
    assert_int_equal(error.kind, ERROR_REMOTE);
    assert_non_null(strstr(error.text, "scope"));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
