/* SPDX-License-Identifier: MIT */
#include "ldap/table.h"

#include "ldap_fixture.h"
#include "volume.h"

#include <string.h>

#define AT LDAP_FILE " line 1: "

static const char every_setting[] =
    "# users\n"
    "server_host = ldap://a.test,\n"
    "\n"
    "   b.test:3890\n"
    "server_port=390\r\n"
    "search_base = ou=%d, o=x\n"
    "query_filter = (&(mail=%s)\n"
    "# between\n"
    "  (a=b))\n"
    "result_format=%u\n"
    "domain = a.test, !B.test\n"
    "result_attribute = mail,uid\n"
    "special_result_attribute = member\n"
    "terminal_result_attribute = last\n"
    "leaf_result_attribute = leaf\n"
    "scope = ONE\n"
    "bind = simple\n"
    "bind_dn = cn=a , o=x\n"
    "bind_pw = p=w # 1\n"
    "recursion_limit = 7\nexpansion_limit = 8\nsize_limit = 9\n"
    "dereference = 3\nchase_referrals = no\ntimeout = 4\nversion = 3\n"
    "start_tls = Yes\ntls_ca_cert_file = /ca\ntls_ca_cert_dir = /cas\n"
    "tls_cert = /cert\ntls_key = /key\ntls_require_cert = yes\n"
    "debuglevel = 1\n";

static void takes_what_is_searched(void **state)
{
    (void)state;
    struct ldap_table *table = new_table(every_setting);
    assert_int_equal(table->kind, LDAP_TABLE_USERS);
    assert_string_equal(table->file, LDAP_FILE);
    assert_string_equal(table->expansion.search_base, "ou=%d, o=x");
    assert_string_equal(table->expansion.query_filter, "(&(mail=%s)  (a=b))");
    assert_string_equal(table->expansion.result_format, "%u");
    assert_int_equal(table->expansion.domain_count, 2);
    assert_string_equal(table->expansion.domains[1].name, "b.test");
    assert_true(table->expansion.domains[1].is_excluded);
    assert_int_equal(table->expansion.value_limit, 8);
    assert_true(table->expansion.has_dynamic_base);
    static const char *const names[] = {"last", "leaf", "mail", "uid", "member"};
    assert_int_equal(table->attributes.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(table->attributes.names[i], names[i]);
    }
    assert_null(table->attributes.names[5]);
    assert_int_equal(table->attributes.terminal_count, 1);
    assert_int_equal(table->attributes.leaf_count, 1);
    assert_int_equal(table->attributes.plain_count, 4);
    assert_int_equal(table->scope, LDAP_TABLE_ONE);
    assert_int_equal(table->recursion_limit, 7);
    assert_int_equal(table->size_limit, 9);
    assert_int_equal(table->dereference, 3);
    assert_int_equal(table->timeout_ms, 4000);
    ldap_table_free(&table);
    assert_null(table);
}

static void takes_whom_to_ask(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    struct ldap_table *table = parse_table(every_setting, &findings, &error);
    assert_non_null(table);
    assert_int_equal(findings.count, 0);
    assert_int_equal(table->url_count, 2);
    assert_string_equal(table->urls[0], "ldap://a.test");
    assert_string_equal(table->urls[1], "ldap://b.test:3890");
    assert_true(table->binds);
    assert_string_equal(table->bind_dn, "cn=a , o=x");
    assert_string_equal(table->bind_pw, "p=w # 1");
    assert_int_equal(table->version, 3);
    assert_true(table->start_tls);
    assert_string_equal(table->tls_ca_cert_file, "/ca");
    assert_string_equal(table->tls_ca_cert_dir, "/cas");
    assert_string_equal(table->tls_cert, "/cert");
    assert_string_equal(table->tls_key, "/key");
    ldap_table_free(&table);
    arena_free(&arena);
}

/* Those of Postfix, not those of docker-mailserver. */
static void has_the_defaults_of_postfix(void **state)
{
    (void)state;
    struct ldap_table *table = new_table("");
    assert_int_equal(table->url_count, 1);
    assert_string_equal(table->urls[0], "ldap://localhost:389");
    assert_string_equal(table->expansion.search_base, "");
    assert_string_equal(table->expansion.query_filter, "(mailacceptinggeneralid=%s)");
    assert_string_equal(table->expansion.result_format, "%s");
    assert_int_equal(table->expansion.domain_count, 0);
    assert_int_equal(table->expansion.value_limit, 0);
    assert_int_equal(table->attributes.count, 1);
    assert_string_equal(table->attributes.names[0], "maildrop");
    assert_int_equal(table->scope, LDAP_TABLE_SUB);
    assert_true(table->binds);
    assert_string_equal(table->bind_dn, "");
    assert_string_equal(table->bind_pw, "");
    assert_int_equal(table->recursion_limit, 1000);
    assert_int_equal(table->size_limit, 0);
    assert_int_equal(table->dereference, 0);
    assert_int_equal(table->timeout_ms, 10000);
    assert_int_equal(table->version, 2);
    assert_false(table->start_tls);
    ldap_table_free(&table);
    table = new_table("expansion_limit = 12\nbind = none\nscope = base");
    assert_int_equal(table->size_limit, 12);
    assert_false(table->binds);
    assert_int_equal(table->scope, LDAP_TABLE_BASE);
    ldap_table_free(&table);
}

struct server_case {
    const char *settings, *want; /* blanks between them */
};

static const struct server_case server_cases[] = {
    {"server_host = a", "ldap://a:389"},
    {"server_host = a b:3890,c", "ldap://a:389 ldap://b:3890 ldap://c:389"},
    {"server_host = a\nserver_port = 3899", "ldap://a:3899"},
    {"server_host = [::1]", "ldap://[::1]"},
    {"server_host = [2001:db8::1]:390", "ldap://[2001:db8::1]:390"},
    {"server_host = LDAP://A.test/", "ldap://A.test"},
    {"server_host = ldaps://a.test:6360\nserver_port = 1", "ldaps://a.test:6360"},
    {"server_host = ldapi://%2Frun%2Fslapd%2Fldapi", "ldapi://%2Frun%2Fslapd%2Fldapi"},
    {"server_host = ldapi:///", "ldapi://"},
    {"server_host = ldap://a ldaps://b", "ldap://a ldaps://b"},
};

static void makes_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof server_cases / sizeof server_cases[0]; i++) {
        struct arena *arena = arena_new();
        struct ldap_table *table = new_table(server_cases[i].settings);
        const char *got = "";
        for (size_t j = 0; j < table->url_count; j++) {
            got = arena_format(arena, "%s%s%s", got, j > 0 ? " " : "", table->urls[j]);
        }
        assert_string_equal(got, server_cases[i].want);
        ldap_table_free(&table);
        arena_free(&arena);
    }
}

struct refusal {
    const char *settings, *want; /* how the error begins */
};

static const struct refusal refusals[] = {
    {"no setting", AT "is not `name = value`; write it like that"},
    {"= value", AT "is not `name = value`"},
    {"bind_pw geheim", AT "is not `name = value`"},
    {"bind_pw geheim = 1", AT "is not `name = value`"},
    {"a = b\n\nx y = c", LDAP_FILE " line 3: is not `name = value`"},
    {"query_filter =", AT "query_filter: is empty; write a filter like "
                          "(&(mail=%s)(mailEnabled=TRUE)), there or in "
                          "LDAP_QUERY_FILTER_USER"},
    {"query_filter = (mail=%x)", AT "query_filter: holds a % that is none of %s"},
    {"query_filter = (mail=%)", AT "query_filter: holds a %"},
    {"query_filter = (mail=%0)", AT "query_filter: holds a %"},
    {"query_filter = mail=%s%", AT "query_filter: holds a %"},
    {"query_filter = (&(a=%s)", AT "query_filter: the parentheses are not in pairs"},
    {"query_filter = (a=%s))((b=%s)", AT "query_filter: the parentheses are not in pairs"},
    {"query_filter = (a=\\))", NULL},
    {"search_base = ou=%n", AT "search_base: holds a %"},
    {"result_format = %a", AT "result_format: holds a %"},
    {"result_filter = %a", AT "result_filter: holds a %"},
    {"result_format =", NULL},
    {"result_filter =", AT "result_filter: is empty: nothing would be found; write %s"},
    {"result_attribute =", AT "result_attribute: is empty: nothing would be found"},
    {"result_attribute = mail {x}", AT "result_attribute: {x} is no name of an attribute"},
    {"leaf_result_attribute = m\nresult_attribute =", NULL},
    {"domain = a.test, hash:/etc/x", AT "domain: hash:/etc/x is not supported"},
    {"domain = /etc/x", AT "domain: /etc/x is not supported"},
    {"domain = !", AT "domain: ! is not supported"},
    {"domain = ,", AT "domain: names no domain"},
    {"domain =", NULL},
    {"scope = tree", AT "scope: write one of: base, one, sub"},
    {"bind = sasl", AT "bind: sasl is not supported; write yes"},
    {"bind = maybe", AT "bind: write one of: no, none, yes, simple"},
    {"start_tls = on", AT "start_tls: write one of: no, yes"},
    {"start_tls =", AT "start_tls: write one of: no, yes"},
    {"version = 4", AT "version: write a number from 2 to 3"},
    {"timeout = 0", AT "timeout: write a number from 1 to 3600"},
    {"timeout = 1s", AT "timeout: write a number"},
    {"timeout =", AT "timeout: write a number"},
    {"size_limit = -1", AT "size_limit: write a number"},
    {"expansion_limit = 99999999999999999999", AT "expansion_limit: write a number"},
    {"recursion_limit = 0", AT "recursion_limit: write a number from 1 to 1000"},
    {"dereference = 4", AT "dereference: write a number from 0 to 3"},
    {"server_port = 0", AT "server_port: write a number from 1 to 65535"},
    {"server_host =", AT "server_host: is empty; write the host"},
    {"server_host = a b/c", AT "server_host: b/c is no server; write host, host:port"},
    {"server_host = ::1", AT "server_host: ::1 is no server"},
    {"server_host = a:", AT "server_host: a: is no server"},
    {"server_host = a:65536", AT "server_host: a:65536 is no server"},
    {"server_host = a:+1", AT "server_host: a:+1 is no server"},
    {"server_host = http://a", AT "server_host: http://a is no server"},
    {"server_host = ldap://", AT "server_host: ldap:// is no server"},
    {"server_host = ldap://a/o=x", AT "server_host: ldap://a/o=x is no server"},
    {"server_host = ldap://a?x", AT "server_host: ldap://a?x is no server"},
    {"server_host = ldapi:///run/ldapi", AT "server_host: ldapi:///run/ldapi is no server"},
    {"server_host = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
     AT "server_host: write at most 16 servers"},
    {"start_tls = yes\nserver_host = ldap://a ldaps://b",
     AT "start_tls: a server has TLS already (ldaps://)"},
    {"tls_cert = /c", AT "tls_cert: write tls_key too, or neither"},
    {"tls_key = /k", AT "tls_key: write tls_cert too, or neither"},
};

static void refuses_what_cannot_be_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct error error = {0};
        struct ldap_table *table = parse_table(refusals[i].settings, NULL, &error);
        const char *want = refusals[i].want;
        assert_int_equal(table == NULL, want != NULL);
        assert_int_equal(error.kind, want != NULL ? ERROR_CONFIG : ERROR_NONE);
        if (want != NULL && strncmp(error.text, want, strlen(want)) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", refusals[i].settings, error.text,
                     want);
        }
        assert_null(strstr(error.text, "geheim"));
        if (table != NULL) {
            ldap_table_free(&table);
        }
    }
}

struct warning {
    const char *settings, *want; /* `code:line` of each */
};

static const struct warning warnings[] = {
    {"debuglevel = 3", ""},
    {"cache = yes\nsasl_mechs = x", "ldap-unused-setting:2 ldap-unused-setting:3"},
    {"Query_Filter = x", "ldap-unused-setting:2"},
    {"bind_pw:geheim = x", "ldap-unused-setting:2"},
    {"scope = one\nscope = one", ""},
    {"scope = one\nscope = sub", "ldap-setting-twice:3"},
    {"bind_pw = geheim\nbind_pw = geheimer", "ldap-setting-twice:3"},
    {"scope = sub\n# c\n  \n# d\n", ""},
    {"bind_dn = cn=a # b", "comment-in-value:2 ldap-no-password:0"},
    {"bind_dn = cn=a\nbind_pw =", "ldap-no-password:3"},
    {"bind_dn = cn=a\nbind = no", ""},
    {"search_base =", "ldap-setting-twice:2 ldap-no-base:2"},
    {"query_filter = (a=b)", "ldap-fixed-filter:2"},
    {"chase_referrals = yes", "ldap-referrals:2"},
    {"tls_require_cert = no", ""},
    {"tls_require_cert = no\nstart_tls = yes\nversion = 3", "ldap-certificate:2"},
    {"tls_require_cert = no\nserver_host = ldaps://a\nversion = 3", "ldap-certificate:2"},
    {"tls_require_cert = yes\nstart_tls = yes\nversion = 3", ""},
    {"start_tls = yes\nversion = 2", "ldap-version:3"},
    {"server_host = ldapi://", "ldap-version:0"},
};

static void warns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof warnings / sizeof warnings[0]; i++) {
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        struct error error = {0};
        struct ldap_table *table = parse_table(
            arena_format(arena, "search_base = o=x\n%s\n", warnings[i].settings), &findings,
            &error);
        assert_non_null(table);
        ldap_table_free(&table);
        const char *got = "";
        for (size_t j = 0; j < findings.count; j++) {
            const struct finding *finding = &findings.entries[j];
            got = arena_format(arena, "%s%s%s:%d", got, j > 0 ? " " : "", finding->code,
                               finding->line);
            assert_string_equal(finding->file, LDAP_FILE);
            assert_int_equal(finding->severity, FINDING_WARNING);
            assert_null(strstr(finding->message, "geheim"));
        }
        if (strcmp(got, warnings[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", warnings[i].settings, got,
                     warnings[i].want);
        }
        arena_free(&arena);
    }
}

static void warns_of_an_indented_line(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    struct ldap_table *table =
        parse_table("  scope = nonsense\nsearch_base = x\n", &findings, &error);
    assert_non_null(table);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.entries[0].code, "indented-line");
    ldap_table_free(&table);
    arena_free(&arena);
}

static void uses_version_3_where_it_must(void **state)
{
    (void)state;
    static const char *const texts[] = {"version = 2\nstart_tls = yes",
                                        "version = 2\nserver_host = ldaps://a",
                                        "server_host = ldapi://"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ldap_table *table = new_table(texts[i]);
        assert_int_equal(table->version, 3);
        ldap_table_free(&table);
    }
}

static const char *const shipped[LDAP_TABLE_KINDS][3] = {
    {"users", "(&(mail=%s)(mailEnabled=TRUE))", "mail"},
    {"groups", "(&(mailGroupMember=%s)(mailEnabled=TRUE))", "mail"},
    {"aliases", "(&(mailAlias=%s)(mailEnabled=TRUE))", "mail"},
    {"domains", "(&(|(mail=*@%s)(mailalias=*@%s))(mailEnabled=TRUE))", "mail"},
    {"senders", "(mail=%s)", "mail uid"},
};

static void has_the_tables_of_docker_mailserver(void **state)
{
    (void)state;
    static const struct ldap_setting settings[] = {
        {"server_host", " ldap.test ", "LDAP_SERVER_HOST"},
        {"search_base", "o=x", "LDAP_SEARCH_BASE"}};
    for (int i = 0; i < LDAP_TABLE_KINDS; i++) {
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        struct error error = {0};
        const struct ldap_table_source source = {
            .kind = (enum ldap_table_kind)i, .settings = settings, .setting_count = 2};
        struct ldap_table *table = ldap_table_new(&source, &findings, &error);
        assert_non_null(table);
        assert_int_equal(findings.count, 0);
        assert_null(table->file);
        assert_string_equal(table->urls[0], "ldap://ldap.test:389");
        assert_string_equal(table->expansion.search_base, "o=x");
        assert_string_equal(ldap_table_kind_name(source.kind), shipped[i][0]);
        assert_string_equal(table->expansion.query_filter, shipped[i][1]);
        const char *names = table->attributes.names[0];
        if (table->attributes.count == 2) {
            names = arena_format(arena, "%s %s", names, table->attributes.names[1]);
        }
        assert_string_equal(names, shipped[i][2]);
        assert_true(table->binds);
        assert_int_equal(table->version, 3);
        ldap_table_free(&table);
        arena_free(&arena);
    }
}

/* Without a file nobody knows the server. */
static void wants_a_server(void **state)
{
    (void)state;
    struct error error = {0};
    const struct ldap_table_source source = {.kind = LDAP_TABLE_GROUPS};
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_string_equal(error.text, "LDAP table groups: server_host: is empty; write the "
                                    "host of the LDAP server, or set LDAP_SERVER_HOST");
}

static void replaces_settings(void **state)
{
    (void)state;
    struct volume volume;
    char path[512];
    struct error error = {0};
    struct ldap_setting settings[] = {
        {"query_filter", "(a=%s)", "LDAP_QUERY_FILTER_USER"},
        {"bind_pw", "geheim", "LDAP_BIND_PW"},
    };
    const struct ldap_table_source source = {
        .path = path, .settings = settings, .setting_count = 2};
    volume_begin(&volume);
    volume_write(&volume, "ldap-users.cf",
                 "query_filter =\nbind_pw = old\nbind_dn = cn=a\nsearch_base = o=x\n");
    snprintf(path, sizeof path, "%s/ldap-users.cf", volume.path);
    struct ldap_table *table = ldap_table_new(&source, NULL, &error);
    assert_non_null(table);
    assert_string_equal(table->file, path);
    assert_string_equal(table->expansion.query_filter, "(a=%s)");
    assert_string_equal(table->bind_pw, "geheim");
    assert_string_equal(table->bind_dn, "cn=a");
    ldap_table_free(&table);

    settings[0].value = " ";
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_string_equal(error.text,
                        "LDAP_QUERY_FILTER_USER: query_filter: is empty; write a filter "
                        "like (&(mail=%s)(mailEnabled=TRUE)), there or in "
                        "LDAP_QUERY_FILTER_USER");
    /* docker-mailserver leaves the table of senders out then. */
    struct ldap_table_source senders = source;
    senders.kind = LDAP_TABLE_SENDERS;
    table = ldap_table_new(&senders, NULL, &error);
    assert_non_null(table);
    assert_true(table->is_unused);
    ldap_table_free(&table);
    settings[0].name = "pass_filter";
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_string_equal(error.text,
                        "LDAP_QUERY_FILTER_USER: a table has no setting pass_filter");
    volume_end(&volume);
}

static void needs_a_file_that_is_one(void **state)
{
    (void)state;
    struct volume volume;
    char path[512];
    struct error error = {0};
    const struct ldap_table_source source = {.path = path};
    volume_begin(&volume);
    snprintf(path, sizeof path, "%s/ldap-users.cf", volume.path);
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "ldap-users.cf does not exist; name"));

    volume_write_bytes(&volume, "ldap-users.cf", "scope = sub\nbind_pw = a\0b\n", 26);
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_non_null(strstr(error.text, "ldap-users.cf: line 2 holds a NUL byte"));

    enum { LARGE = (1 << 20) + 1 };

    char *large = calloc(1, LARGE);
    volume_write_bytes(&volume, "ldap-users.cf", large, LARGE);
    free(large);
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_non_null(strstr(error.text, "ldap-users.cf is larger than 1048576 bytes"));

    snprintf(path, sizeof path, "%s", volume.path);
    assert_null(ldap_table_new(&source, NULL, &error));
    assert_true(strncmp(error.text, path, strlen(path)) == 0);
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_searched),
        cmocka_unit_test(takes_whom_to_ask),
        cmocka_unit_test(has_the_defaults_of_postfix),
        cmocka_unit_test(makes_urls),
        cmocka_unit_test(refuses_what_cannot_be_used),
        cmocka_unit_test(warns),
        cmocka_unit_test(warns_of_an_indented_line),
        cmocka_unit_test(uses_version_3_where_it_must),
        cmocka_unit_test(has_the_tables_of_docker_mailserver),
        cmocka_unit_test(wants_a_server),
        cmocka_unit_test(replaces_settings),
        cmocka_unit_test(needs_a_file_that_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
