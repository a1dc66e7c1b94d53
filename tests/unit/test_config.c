/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void values_that_are_taken(void **state)
{
    (void)state;

    static const struct {
        const char *assignment;
        int64_t number;
    } cases[] = {
        {"x.bool=yes", 1},
        {"x.bool=1", 1},
        {"x.bool=ON", 1},
        {"x.bool=True", 1},
        {"x.bool=no", 0},
        {"x.bool=0", 0},
        {"x.bool=off", 0},
        {"x.bool=false", 0},
        {"x.count=1", 1},
        {"x.count=9", 9},
        {"x.count=009", 9},
        {" x.count = 5 ", 5},
        {"x.any=9223372036854775807", INT64_MAX},
        {"x.any=0", 0},
        {"x.size=0", 0},
        {"x.size=17", 17},
        {"x.size=17B", 17},
        {"x.size=64K", 65536},
        {"x.size=64KiB", 65536},
        {"x.size=1MiB", 1048576},
        {"x.size=2g", INT64_C(2) << 30},
        {"x.time=5ms", 5},
        {"x.time=60s", 60000},
        {"x.time=1m", 60000},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error = {.text = ""};
        assert_true(config_override(config, cases[i].assignment, &error));
        if (!config_check(config, &error)) {
            fail_msg("%s: %s", cases[i].assignment, error.text);
        }
        bool boolean = strncmp(cases[i].assignment, "x.bool", 6) == 0;
        const char *name = cases[i].assignment + strspn(cases[i].assignment, " ");
        char word[16] = "";
        strncat(word, name, strcspn(name, " ="));
        int64_t number = boolean ? config_bool(config, word) : config_number(config, word);
        assert_int_equal(number, cases[i].number);
        config_free(&config);
    }
}

/* Assignment and a part of what is said about it; NULL: it is taken. */
static const struct {
    const char *assignment, *want;
} refused[] = {
    {"x.bool=maybe",
     "-o x.bool: x.bool = maybe: this is neither yes nor no; write yes or no"},
    {"x.bool=", "the value is empty"},
    {"x.bool=2", "neither"},
    {"x.count=0", "0 is too small; write a value from 1 to 9"},
    {"x.count=10", "10 is too large; write a value from 1 to 9"},
    {"x.count=", "the value is empty"},
    {"x.count=-1", "this is no number"},
    {"x.count=+1", "this is no number"},
    {"x.count=0x5", "the unit is not known"},
    {"x.count=5 ", NULL},
    {"x.count=5 5", "not known"},
    {"x.count=5s", "not known"},
    {"x.count=five", "this is no number"},
    {"x.any=9223372036854775808", "the number is too large"},
    {"x.any=99999999999999999999999999", "the number is too large"},
    {"x.size=1KB", "the unit is not known"},
    {"x.size=1.5MiB", "the unit is not known"},
    {"x.size=9999999999GiB", "the number is too large"},
    {"x.size=MiB", "this is no number"},
    {"x.time=5", "the unit is missing; write a whole number and its unit"},
    {"x.time=5 s", "not known"},
    {"x.time=1m30s", "not known"},
    {"x.time=2m", "2m is too large; write a value from 1ms to 1m"},
    {"x.time=0", "0 is too small"},
    {"x.time=99999999999999999h", "the number is too large"},
    {"x.choice=some", "write one of: all any"},
    {"x.choice=al", "write one of"},
    {"x.choice=", "empty"},
    {"x.choice=all any", "write one of"},
    {"x.reply=", "empty"},
    {"x.reply=250 2.0.0 Ok", "reply code of 4xx or 5xx"},
    {"x.reply=552 4.2.2 Full", "no enhanced code of class 5 behind 552"},
    {"x.reply=552 Full", "no enhanced code"},
    {"x.reply=552 5.2.2", "no enhanced code"},
    {"x.reply=552 5.2.2  ", "no enhanced code"},
    {"x.reply=5522 5.2.2 Full", "reply code"},
    {"x.reply=552 5.2222.2 Full", "no enhanced code"},
    {"x.reply=552 5.2.2 Voll\xc3\xa4", "ASCII"},
    {"x.networks=10.0.0.1/8", "write 10.0.0.0/8"},
    {"x.address=", NULL},
    {"x.address=Post.Master+x@Mail-1.example.com", NULL},
    {"x.address=~o'neil#1@xn--exmple-cua.test", NULL},
    {"x.address=postmaster", "no address of the form local-part@domain; write one address"},
    {"x.address=@example.com", "no address"},
    {"x.address=a@", "no address"},
    {"x.address=a@b@c", "no address"},
    {"x.address=a@b.test, c@d.test", "for several, make it an alias"},
    {"x.address=a@b.test c@d.test", "no address"},
    {"x.address=<a@b.test>", "no address"},
    {"x.address=\"a b\"@c.test", "no address"},
    {"x.address=@r.test:a@b.test", "no address"},
    {"x.address=a%b@c.test", "no address"},
    {"x.address=b!a@c.test", "no address"},
    {"x.address=-a@b.test", "no address"},
    {"x.address=.a@b.test", "no address"},
    {"x.address=a.@b.test", "no address"},
    {"x.address=a..b@c.test", "no address"},
    {"x.address=a@b..test", "no address"},
    {"x.address=a@.b.test", "no address"},
    {"x.address=a@b.test.", "no address"},
    {"x.address=a@-b.test", "no address"},
    {"x.address=a@[192.0.2.1]", "no address"},
    {"x.address=\xc3\xa4@b.test", "no address"},
    {"x.address=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.test",
     "no address"},
    {"x.domain=", NULL},
    {"x.domain=Example.com", NULL},
    {"x.domain=@example.com", "this is no domain; write one domain like example.com"},
    {"x.domain=example.com example.org", "no domain"},
    {"x.domain=a@example.com", "no domain"},
    {"x.domain=.example.com", "no domain"},
    {"x.senders=", NULL},
    {"x.senders=a@b.test, @c.test\t@d.test", NULL},
    {"x.senders=a@b.test c.test", "\"c.test\" is neither an address nor @domain; write"},
    {"x.senders=@", "neither an address"},
    {"x.senders=@b..test", "neither an address"},
    {"x.senders=*", "neither an address"},
    {"x.senders=@"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa",
     "neither an address"},
    {"x.text=a\tb", "control character"},
    {"x.text=a\x7f", "control character"},
    {"x.text=a\033[2J", "x.text = a?[2J: there is a control character"},
    {"x.list=a\nb", "control character"},
    {"x.list=a\tb", NULL},
    {"listen=8891", "this is no socket; write unix:/path"},
    {"listen=unix:relative", "not absolute"},
    {"listen=inet:99999@host", "no number from 1 to 65535"},
    {"listen=inet:25@", "host is missing"},
    {"listen=inet6:25@[::1]", NULL},
    {"listen.mode=888", "octal"},
    {"listen.mode=0600", NULL},
    {"listen.mode=66", "octal"},
    {"hostname=", "no host name"},
    {"hostname=a b", "no host name"},
    {"recipient_delimiter=", NULL},
    {"recipient_delimiter=+-", NULL},
    {"recipient_delimiter=plus", "cannot begin a detail"},
    {"dns.servers=", NULL},
    {"dns.servers=192.0.2.1, [::1] ::1 [2001:db8::1]:53 127.0.0.1:5353", NULL},
    {"dns.servers=localhost", "localhost is no address of a server; write addresses like"},
    {"dns.servers=192.0.2.1 [::1]5", "[::1]5 is no address of a server"},
    {"dns.servers=192.0.2.1:", "no address"},
    {"dns.servers=[]:53", "no address"},
    {"dns.servers=:53", "no address"},
    {"quota.service=inet:127.0.0.1", "no service"},
    {"quota.service=inet:127.0.0.1:0", "no number from 1"},
    {"dovecot.userdb=inet:[::1]:65265", NULL},
    {"dovecot.userdb=tls:host:1", "has no TLS; write unix:/path or inet:host:port"},
    {"dovecot.userdb=/run/dovecot/auth-userdb", "write unix:/path or inet:host:port"},
    {"dovecot.service=", "no name of a service"},
    {"dovecot.service=a b", "no name of a service"},
    {"dms.provisioner=LDAP", NULL},
    {"dms.provisioner=SQL", "FILE"},
    {"directory.sources=ldap, dms dovecot lua", NULL},
    {"directory.sources=dms sql", "there is no source sql; write one or more of dms"},
    {"directory.sources=dms lua dms", "the source dms stands there twice"},
    {"directory.sources=", "no source is named"},
    {"ldap.bind_pw=any text", NULL},
    {"ldap.bind_pw=a\nb", "ldap.bind_pw = (not shown): there is a control character"},
    {"nonsense=1", "-o nonsense: there is no option nonsense; remove it"},
    {"quota.timout=1s", "did you mean quota.timeout?"},
    {"x.chioce=all", "did you mean x.choice?"},
};

static void values_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct config *config = new_config();
        struct error error = {.text = ""};
        assert_true(config_override(config, refused[i].assignment, &error));
        bool ok = config_check(config, &error);
        if (ok != (refused[i].want == NULL)) {
            fail_msg("%s: %s", refused[i].assignment, error.text);
        }
        if (refused[i].want != NULL) {
            assert_int_equal(error.kind, ERROR_CONFIG);
            expect_text(error.text, refused[i].want);
        }
        config_free(&config);
    }
}

static void assignments_that_are_none(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "name", "=value"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error;
        assert_false(config_override(config, cases[i], &error));
        expect_text(error.text, "write -o name=value");
        config_free(&config);
    }
}

static void ldap_mode_has_no_mail_for_the_host(void **state)
{
    (void)state;

    static const struct {
        const char *assignments[3], *mydestination;
    } cases[] = {
        {{"hostname=mail.example.com", "dms.provisioner=LDAP"},
         "localhost.example.com, localhost"},
        {{"dms.provisioner=LDAP", "hostname=mail.example.com"},
         "localhost.example.com, localhost"},
        {{"dms.provisioner=LDAP", "hostname=mail.example.com", "dms.provisioner=FILE"},
         "mail.example.com, localhost.example.com, localhost"},
        {{"mydestination=mine.test", "dms.provisioner=LDAP"}, "mine.test"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error;
        for (size_t j = 0; j < 3 && cases[i].assignments[j] != NULL; j++) {
            assert_true(config_override(config, cases[i].assignments[j], &error));
        }
        assert_string_equal(config_text(config, "mydestination"), cases[i].mydestination);
        config_free(&config);
    }
}

static void names_follow_the_hostname(void **state)
{
    (void)state;

    static const struct {
        const char *hostname, *mydestination;
    } cases[] = {
        {"mail.example.com", "mail.example.com, localhost.example.com, localhost"},
        {"example.com", "example.com, localhost.example.com, localhost"},
        {"mail", "mail, localhost.localdomain, localhost"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error;
        char assignment[64];
        snprintf(assignment, sizeof assignment, "hostname=%s", cases[i].hostname);
        config_override(config, assignment, &error);
        assert_string_equal(config_text(config, "myorigin"), cases[i].hostname);
        assert_string_equal(config_text(config, "mydestination"), cases[i].mydestination);
        assert_string_equal(config_origin(config, "myorigin"), "default");
        config_override(config, "myorigin=example.org", &error);
        assert_string_equal(config_text(config, "myorigin"), "example.org");
        assert_string_equal(config_text(config, "mydestination"), cases[i].mydestination);
        config_free(&config);
    }
    struct config *config = new_config();
    assert_non_null(config_text(config, "hostname"));
    assert_non_null(strchr(config_text(config, "hostname"), '.'));
    assert_string_equal(config_text(config, "myorigin"), config_text(config, "hostname"));
    config_free(&config);
}

static void declarations_are_judged(void **state)
{
    (void)state;

    static const struct {
        struct option option;
        const char *want;
    } cases[] = {
        {{"quota.timeout", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "declared already"},
        {{"quota_timeout", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""},
         "quota.timeout is declared"},
        {{"", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "a name is made of"},
        {{"A.b", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "a name is made of"},
        {{"a b", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "a name is made of"},
        {{"a..b", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "a name is made of"},
        {{"a.", OPTION_TEXT, NULL, 0, 0, NULL, NULL, ""}, "a name is made of"},
        {{"a", OPTION_DURATION, "5", 0, 0, NULL, NULL, ""},
         "default \"5\": the unit is missing"},
        {{"a", OPTION_CHOICE, NULL, 0, 0, NULL, NULL, ""}, "needs choices"},
        {{"a", OPTION_CHOICE, "c", 0, 0, "a b", NULL, ""}, "default \"c\""},
    };
    struct config *config = config_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {.text = ""};
        size_t count = config_count(config);
        assert_false(config_declare(config, &cases[i].option, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        expect_text(error.text, cases[i].want);
        assert_int_equal(config_count(config), count);
    }
    config_free(&config);
    config_free(&config);
}

/* All defaults of the program pass their own checks, and each option is explained. */
static void the_table_is_sound(void **state)
{
    (void)state;
    struct config *config = config_new();
    struct error error = {.text = ""};
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        const char *value = config_text(config, option->name);
        if (value != NULL) {
            char assignment[512];
            snprintf(assignment, sizeof assignment, "%s=%s", option->name, value);
            assert_true(config_override(config, assignment, &error));
        }
        assert_true(strlen(option->help) > 10);
        enum option_type type;
        assert_true(option_type_find(option_type_name(option->type), &type));
        assert_int_equal(type, option->type);
    }
    if (!config_check(config, &error)) {
        fail_msg("%s", error.text);
    }
    enum option_type type;
    assert_false(option_type_find("integer", &type));
    config_free(&config);
}

/* What a reload takes over; everything else of the program needs a restart. */
static void options_that_a_reload_takes_over(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        bool fixed;
    } cases[] = {
        {"listen", true},        {"hostname", true},     {"control", true},
        {"quota.timeout", true}, {"log.level", true},    {"spoof.may_send_as", true},
        {"rewrite.alias", true}, {"rules", false},       {"rules.path", false},
        {"mode", false},         {"states", false},      {"deadline.message", false},
        {"reload.watch", false}, {"quota.reply", false}, {"leaked.tags", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (option_is_fixed(cases[i].name) != cases[i].fixed) {
            fail_msg("%s", cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_are_taken),
        cmocka_unit_test(values_that_are_refused),
        cmocka_unit_test(assignments_that_are_none),
        cmocka_unit_test(names_follow_the_hostname),
        cmocka_unit_test(ldap_mode_has_no_mail_for_the_host),
        cmocka_unit_test(declarations_are_judged),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(options_that_a_reload_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
