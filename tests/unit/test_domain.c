/* SPDX-License-Identifier: MIT */
#include "mail/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void finds_the_other_form(void **state)
{
    (void)state;

    static const struct {
        const char *domain, *want;
    } cases[] = {
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.Example",
         "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"}, /* not composed */
        {"xn--bcher-kva.example", "b\xc3\xbc"
                                  "cher.example"},
        {"mail.XN--BCHER-KVA.example", "mail.b\xc3\xbc"
                                       "cher.example"},
        {"fa\xc3\x9f.example", "xn--fa-hia.example"}, /* nontransitional: not fass */
        {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
         "xn--r8jz45g.xn--zckzah"},
        {"ex\xef\xbd\x81mple.com", "example.com"}, /* fullwidth */
        {"example\xe3\x80\x82"
         "com",
         "example.com"},
        {"exa\xc2\xadmple.com", "example.com"},       /* soft hyphen */
        {"ex\xd0\xb0mple.com", "xn--exmple-4nf.com"}, /* Cyrillic */
        {"example.com", NULL},
        {"EXAMPLE.com", NULL},
        {"", NULL},
        {"[192.0.2.1]", NULL},
        {"xn--.example", NULL},
        {"xn--a.example", NULL},
        {"axn--bcher-kva.example", NULL},
        {"b\xfc"
         "cher.example",
         NULL}, /* Latin-1 */
        {"\xf0\x9f\x98\x80 x.example", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *got = domain_other_form(arena, cases[i].domain);
        if (got == NULL || cases[i].want == NULL ? got != cases[i].want
                                                 : strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].domain,
                     got != NULL ? got : "NULL",
                     cases[i].want != NULL ? cases[i].want : "NULL");
        }
        arena_free(&arena);
    }
}

static void stands_long_names(void **state)
{
    (void)state;
    struct arena *arena = arena_new();

    enum { LENGTH = 65536 };

    char *domain = arena_alloc(arena, LENGTH + 1);
    memset(domain, '\xc3', LENGTH);
    assert_null(domain_other_form(arena, domain));
    for (size_t i = 0; i < LENGTH; i += 4) {
        memcpy(domain + i, "xn--", 4);
    }
    assert_null(domain_other_form(arena, domain));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_other_form),
        cmocka_unit_test(stands_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
