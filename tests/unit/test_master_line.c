/* SPDX-License-Identifier: MIT */
#include "dovecot/master_line.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 512 };

/* `found user name=value;...`, `not found` or `failed`, with the error. */
static void describe(const char *line, struct arena *arena, char text[TEXT_BYTES])
{
    struct master_line parsed;
    struct userdb_answer answer;
    struct error error;
    bool is_mute = false;
    if (!master_line_parse(line, strlen(line), &parsed, &error)) {
        snprintf(text, TEXT_BYTES, "nonsense");
        return;
    }
    if (parsed.word == MASTER_VERSION || parsed.word == MASTER_SPID ||
        parsed.word == MASTER_OTHER) {
        snprintf(text, TEXT_BYTES, "%s %" PRIu32, master_word_name(parsed.word),
                 parsed.major);
        return;
    }
    bool ok = master_line_answer(&parsed, arena, &answer, &is_mute, &error);
    int length =
        snprintf(text, TEXT_BYTES, "%" PRIu32 " %s%s%s", parsed.id,
                 answer_kind_name(answer.kind), is_mute ? " mute" : "", ok ? "" : ": ");
    assert_true(ok == (answer.kind != ANSWER_FAILED));
    if (!ok) {
        snprintf(text + length, TEXT_BYTES - (size_t)length, "%s", error.text);
        return;
    }
    if (answer.kind == ANSWER_NOT_FOUND) {
        assert_null(answer.user);
        return;
    }
    length += snprintf(text + length, TEXT_BYTES - (size_t)length, " %s", answer.user);
    for (size_t i = 0; i < answer.count; i++) {
        length += snprintf(text + length, TEXT_BYTES - (size_t)length, "|%s=%s",
                           answer.fields[i].name, answer.fields[i].value);
    }
}

static void test_lines(void **unused)
{
    (void)unused;

    static const struct {
        const char *line;
        const char *expected;
    } cases[] = {
        {"VERSION\t1\t1", "VERSION 1"},
        {"VERSION\t2\t0", "VERSION 2"},
        {"VERSION\t1", "VERSION 1"},
        {"VERSION", "nonsense"},
        {"VERSION\tone\t1", "nonsense"},
        {"SPID\t123", "SPID 0"},
        {"CUID\t1", "other 0"},
        {"", "other 0"},
        {"user\t1\ta", "other 0"},
        {"USERS\t1\ta", "other 0"},
        {"NOTFOUND\t7", "7 not found"},
        {"NOTFOUND\t4294967295", "4294967295 not found"},
        {"NOTFOUND\t4294967296", "nonsense"},
        {"NOTFOUND\t00000000007", "nonsense"},
        {"NOTFOUND\t-1", "nonsense"},
        {"NOTFOUND\t+1", "nonsense"},
        {"NOTFOUND\t 1", "nonsense"},
        {"NOTFOUND\t", "nonsense"},
        {"NOTFOUND", "nonsense"},
        {"NOTFOUND\t7\tx=y", "7 not found"},
        {"USER\t1\ta@b", "1 found a@b"},
        {"USER\t1\ta@b\t", "1 found a@b"},
        {"USER\t1\ta@b\tuid=5\tgid=6", "1 found a@b|uid=5|gid=6"},
        {"USER\t1\ta@b\t\tuid=5\t", "1 found a@b|uid=5"},
        {"USER\t1\ta@b\tflag\tempty=\tx=a=b", "1 found a@b|flag=|empty=|x=a=b"},
        {"USER\t1\ta@b\thome=/h\1ti\1nj\1rk\0011l", "1 found a@b|home=/h\ti\nj\rk\1l"},
        {"USER\t1\ta\1tb\tx\1ty=z", "1 found a\tb|x\ty=z"},
        {"USER\t1\ta@b\tx=y\1", "1 found a@b|x=y"},
        {"USER\t1\ta@b\tx=\1q", "1 found a@b|x=q"},
        {"USER\t1\ta@b\tx=\0010y", "1 failed: Dovecot's answer cannot be read: it has a "
                                   "NUL or no user"},
        {"USER\t1\t", "1 failed: Dovecot's answer cannot be read: it has a NUL or no user"},
        {"USER\t1", "1 failed: Dovecot's answer cannot be read: it has a NUL or no user"},
        {"USER\t1\ta\ttempfail=y\treason=down", "1 failed: Dovecot cannot tell: down"},
        {"USER\t1\ta\ttempfail", "1 failed mute: Dovecot cannot tell: it does not say why, "
                                 "its log may"},
        {"FAIL\t2\treason=LDAP\1nis away", "2 failed: Dovecot cannot tell: LDAP?is away"},
        {"FAIL\t2\tcode=x\treason=no", "2 failed: Dovecot cannot tell: no"},
        {"FAIL\t2", "2 failed mute: Dovecot cannot tell: it does not say why, its log may"},
        {"FAIL\t2\treason=", "2 failed mute: Dovecot cannot tell: it does not say why, its "
                             "log may"},
        {"FAIL\t", "nonsense"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TEXT_BYTES];
        describe(cases[i].line, arena, text);
        assert_string_equal(text, cases[i].expected);
    }
    arena_free(&arena);
}

static void test_nul(void **unused)
{
    (void)unused;
    struct master_line parsed;
    struct error error;
    static const char line[] = "NOTFOUND\t7\0x";
    assert_false(master_line_parse(line, sizeof line - 1, &parsed, &error));
    assert_int_equal(error.kind, ERROR_REMOTE);
    assert_non_null(strstr(error.text, "NOTFOUND?7?x"));
}

static void test_questions(void **unused)
{
    (void)unused;
    static const char *const good[] = {"a@b", "a b@c", "a*b", "\xc3\xa9@b", "x"};
    static const char *const bad[] = {"", "a\tb", "a\nb", "a\1b", "a\rb", "a\x7f", "\x1f"};
    char line[MASTER_QUESTION_BYTES + 1];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(master_name_is_askable(good[i], "lmtp"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(master_name_is_askable(bad[i], "lmtp"));
    }
    assert_int_equal(master_question(line, 7, "a@b", "lmtp"), 24);
    assert_string_equal(line, "USER\t7\ta@b\tservice=lmtp\n");

    char name[MASTER_QUESTION_BYTES + 1];
    memset(name, 'x', sizeof name);
    size_t length = sizeof name - 1;
    for (name[length] = '\0'; !master_name_is_askable(name, "lmtp"); name[length] = '\0') {
        length--;
    }
    assert_int_equal(master_question(line, UINT32_MAX, name, "lmtp"),
                     MASTER_QUESTION_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
