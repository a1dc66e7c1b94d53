/* SPDX-License-Identifier: MIT */
/* Files, docker-mailserver's settings, environment: what is read, what wins, what is
 * refused. */
#include "config_fixture.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_config.XXXXXX";

static void write_bytes(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void write_file(const char *text)
{
    write_bytes(text, strlen(text));
}

static void files_that_are_read(void **state)
{
    (void)state;
    static const char text[] = "# comment\n"
                               "\n"
                               "  x.text=with = sign#and hash\r\n"
                               "\t# indented comment\n"
                               "x.list = a,\tb\n"
                               "x.count\t=\t7\n"
                               "recipient_delimiter =\n"
                               "ldap.bind_pw = a # b\n" /* no comment */
                               "x.time = 3s";           /* no newline at the end */
    struct config *config = new_config();
    struct error error = {.text = ""};
    write_file(text);
    assert_true(config_load_file(config, path, &error));
    assert_true(config_check(config, &error));
    assert_string_equal(config_text(config, "x.text"), "with = sign#and hash");
    assert_string_equal(config_text(config, "recipient_delimiter"), "");
    assert_string_equal(config_text(config, "ldap.bind_pw"), "a # b");
    assert_int_equal(config_number(config, "x.count"), 7);
    assert_int_equal(config_number(config, "x.time"), 3000);
    char origin[64];
    snprintf(origin, sizeof origin, "%s:9", path);
    assert_string_equal(config_origin(config, "x.time"), origin);
    assert_true(config_is_set(config, "x.time"));
    assert_false(config_is_set(config, "x.size"));
    config_free(&config);
}

static void files_that_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t length;
        const char *want;
        bool loads; /* only config_check refuses it */
    } cases[] = {
        {"x.count = 1\nno assignment\n", 26,
         ":2: this is no assignment; write name = value", false},
        {"= 1\n", 4, ":1: this is no assignment", false},
        {"\n\nx.text = a\0b\n", 15, ":3: there is a NUL byte", false},
        {"\0\n", 2, ":1: there is a NUL byte", false},
        {"x.count=1\nx.count=2\n", 20, ":2: x.count is set twice, first in line 1", false},
        {"x.time = 5s # five\n", 19, ":1: x.time: a # inside the value begins no comment",
         false},
        {"\xef\xbb\xbfx.count = 1\n", 15, ":1: there is no option ", true},
        {"a.b = 1\n", 8, ":1: there is no option a.b", true},
        {"x.time = 5\n", 11, ":1: x.time = 5: the unit is missing", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error = {.text = ""};
        write_bytes(cases[i].text, cases[i].length);
        assert_int_equal(config_load_file(config, path, &error), cases[i].loads);
        if (!cases[i].loads) {
            expect_text(error.text, cases[i].want);
            assert_int_equal(error.kind, ERROR_CONFIG);
        }
        assert_false(config_check(config, &error));
        expect_text(error.text, cases[i].want);
        expect_text(error.text, path);
        config_free(&config);
    }
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;

    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/nonexistent/foregate.conf", "cannot open it: No such file"},
        {"/tmp", "cannot read it: Is a directory"},
        {"/dev/zero", "longer than 262144 bytes"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error;
        assert_false(config_load_file(config, cases[i].path, &error));
        assert_int_equal(error.kind, ERROR_SYSTEM);
        expect_text(error.text, cases[i].path);
        expect_text(error.text, cases[i].want);
        assert_false(config_load_dms_settings(config, cases[i].path, &error));
        expect_text(error.text, "dms.settings");
        config_free(&config);
    }
}

static void all_faults_are_found(void **state)
{
    (void)state;
    struct config *config = new_config();
    struct arena *arena = arena_new();
    struct error error;
    struct config_fault *faults = NULL;
    write_file("x.count = 0\nrubbish\nnever.heard = 1\nx.bool = yes\nx.time = 1\n");
    assert_false(config_load_file(config, path, &error));
    assert_int_equal(config_faults(config, arena, &faults), 4);
    static const int lines[] = {2, 3, 1, 5};
    static const char *const codes[] = {"bad-line", "unknown-option", "bad-value",
                                        "bad-value"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(faults[i].line, lines[i]);
        assert_string_equal(faults[i].code, codes[i]);
        assert_string_equal(faults[i].origin, path);
    }
    arena_free(&arena);
    config_free(&config);
}

/* Each source wins over those before it, in whatever order they are loaded. */
static void sources_have_their_order(void **state)
{
    (void)state;
    static const char *const want[] = {"no", "1", "0", "yes", "off", "on"};
    for (int count = 0; count <= 5; count++) {
        struct config *config = config_new();
        struct error error;
        unsetenv("ENABLE_X");
        unsetenv("FOREGATE_X_BOOL");
        if (count >= 5) {
            config_override(config, "x.bool=on", &error);
        }
        if (count >= 3) {
            write_file("x.bool = yes\n");
            assert_true(config_load_file(config, path, &error));
        }
        if (count >= 2) {
            setenv("ENABLE_X", "0", 1);
        }
        if (count >= 4) {
            setenv("FOREGATE_X_BOOL", "off", 1);
        }
        config_load_environment(config);
        if (count >= 1) {
            write_file("ENABLE_X='1'\n");
            assert_true(config_load_dms_settings(config, path, &error));
        }
        /* Declared last, as rules are. */
        assert_true(config_declare(config, &fixture_options[1], &error));
        assert_true(config_check(config, &error));
        assert_string_equal(config_text(config, "x.bool"), want[count]);
        config_free(&config);
    }
    unsetenv("ENABLE_X");
    unsetenv("FOREGATE_X_BOOL");
}

static void environment_is_judged(void **state)
{
    (void)state;
    struct config *config = new_config();
    struct error error;
    setenv("FOREGATE_QUOTA_TIMEOUT", "3s", 1);
    setenv("FOREGATE", "/some/program", 1);
    config_load_environment(config);
    assert_true(config_check(config, &error));
    assert_int_equal(config_number(config, "quota.timeout"), 3000);
    assert_string_equal(config_origin(config, "quota.timeout"),
                        "environment FOREGATE_QUOTA_TIMEOUT");
    config_free(&config);
    config = new_config();
    setenv("FOREGATE_QUOTA_TIMOUT", "3s", 1);
    config_load_environment(config);
    assert_false(config_check(config, &error));
    expect_text(error.text, "environment FOREGATE_QUOTA_TIMOUT: there is no option");
    expect_text(error.text, "did you mean FOREGATE_QUOTA_TIMEOUT?");
    assert_true(config_check_declared(config, &error));
    config_free(&config);
    unsetenv("FOREGATE_QUOTA_TIMOUT");
    unsetenv("FOREGATE_QUOTA_TIMEOUT");
    unsetenv("FOREGATE");
}

static void dms_settings_are_read(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        const char *value; /* of x.bool */
        const char *want;  /* config_check's error, or NULL */
    } cases[] = {
        {"ENABLE_X='1'\n", "1", NULL},
        {"ENABLE_X=1\n", "1", NULL},
        {"ENABLE_X=\"1\"\n", "1", NULL},
        {"export ENABLE_X='1'\n", "1", NULL},
        {"  ENABLE_X=1 # on\r\n", "1", NULL},
        {"ENABLE_X=0\nENABLE_X=1\n", "1", NULL},
        {"ENABLE_X=''\n", "no", NULL},
        {"ENABLE_X=\n", "no", NULL},
        {"#ENABLE_X=1\n", "no", NULL},
        {"ENABLE_XY=1\nOTHER='it's'\nMORE='two\nlines'\n\xff\nx.bool=1\nENABLE_X =1\n",
         "no", NULL},
        {"OTHER='open\nENABLE_X='1'\n", "1", NULL},
        {"ENABLE_X='1\n", "", ":1: ENABLE_X: the closing quote is missing"},
        {"\nENABLE_X='2'\n", "2", ":2: ENABLE_X = 2: this is neither yes nor no"},
        {"ACCOUNT_PROVISIONER='SQL'\n", "no", ":1: ACCOUNT_PROVISIONER = SQL: "},
        {"ACCOUNT_PROVISIONER='LDAP'\n", "no", NULL},
        {"ACCOUNT_PROVISIONER='FILE'\n", "no", NULL},
        {"ACCOUNT_PROVISIONER=''\n", "no", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = new_config();
        struct error error = {.text = ""};
        write_file(cases[i].text);
        assert_true(config_load_dms_settings(config, path, &error));
        bool ok = config_check(config, &error);
        if (ok != (cases[i].want == NULL)) {
            fail_msg("%s: %s", cases[i].text, error.text);
        }
        assert_string_equal(config_text(config, "x.bool"), cases[i].value);
        if (cases[i].want != NULL) {
            expect_text(error.text, cases[i].want);
        }
        config_free(&config);
    }
}

/* What a reload does: files as they are now, -o as it was. */
static void sources_are_read_again(void **state)
{
    (void)state;
    struct config *config = config_new();
    struct error error;
    assert_true(config_override(config, "states = 3", &error));
    write_file("states = 1\nquota.timeout = 1s\n");
    assert_true(config_load(config, path, &error));
    write_file("states = 2\nquota.timeout = 2s\n");
    struct config *again = config_again(config, &error);
    assert_non_null(again);
    assert_int_equal(config_number(config, "quota.timeout"), 1000);
    config_free(&config);
    assert_int_equal(config_number(again, "states"), 3);
    assert_string_equal(config_origin(again, "states"), "-o states");
    assert_int_equal(config_number(again, "quota.timeout"), 2000);
    write_file("rubbish\n");
    assert_null(config_again(again, &error));
    expect_text(error.text, ":1: this is no assignment");
    config_free(&again);

    config = config_new();
    assert_true(config_load(config, NULL, &error));
    again = config_again(config, &error);
    assert_non_null(again);
    config_free(&again);
    config_free(&config);
}

static int make_path(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_read),
        cmocka_unit_test(files_that_are_refused),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(all_faults_are_found),
        cmocka_unit_test(sources_have_their_order),
        cmocka_unit_test(environment_is_judged),
        cmocka_unit_test(dms_settings_are_read),
        cmocka_unit_test(sources_are_read_again),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
