/* SPDX-License-Identifier: MIT */
#include "directory/dms_overrides.h"

#include "text_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct directory_settings settings = {
    .hostname = "mail.example.test",
    .mydestination = "mail.example.test, localhost",
    .rules = {.myorigin = "mail.example.test", .delimiters = "+"},
};

static const char *describe(struct arena *arena, const struct delimiter_override *delimiter,
                            const struct finding_list *findings)
{
    const char *text = "";
    if (delimiter->value != NULL) {
        text = arena_format(arena, "%d `%s`;", delimiter->line, delimiter->value);
    } else if (delimiter->line > 0) {
        text = arena_format(arena, "%d?", delimiter->line);
    }
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->entries[i];
        text = arena_format(arena, "%s%d!%s;", text, finding->line, finding->code);
        assert_string_equal(finding->file, "postfix-main.cf");
        assert_true(finding->message[0] != '\0' && finding->remedy[0] != '\0');
    }
    return text;
}

struct override_case {
    const char *name, *input, *want;
};

static void reads_postfix_settings(void **state)
{
    (void)state;

    static const struct override_case cases[] = {
        {"nothing", "", ""},
        {"one", "recipient_delimiter = -\n", "1 `-`;"},
        {"no blanks, no line end", "recipient_delimiter=+-", "1 `+-`;"},
        {"empty", "recipient_delimiter =\n", "1 ``;"},
        {"CRLF", "recipient_delimiter = -\r\n", "1 `-`;"},
        {"last one wins", "recipient_delimiter = -\nrecipient_delimiter = _\n", "2 `_`;"},
        {"empty wins too", "recipient_delimiter = -\nrecipient_delimiter =\n", "2 ``;"},
        {"commented out", "# recipient_delimiter = -\n#recipient_delimiter = -\n", ""},
        {"no comment behind a value", "recipient_delimiter = - # x\n", "1 `- # x`;"},
        {"no quotes", "recipient_delimiter = \"-\"\n", "1 `\"-\"`;"},
        {"continued", "recipient_delimiter =\n  -\n", "1 `-`;"},
        {"a continuation is no setting",
         "myorigin = mail.example.test\n"
         "  recipient_delimiter = -\n",
         "1!postfix-override;"},
        {"indented first line", "  recipient_delimiter = -\n", ""},
        {"another name", "recipient_delimiters = -\nxrecipient_delimiter = -\n", ""},
        {"other case", "Recipient_Delimiter = -\n", ""},
        {"no equals sign", "recipient_delimiter -\n", ""},
        {"equals sign as value", "recipient_delimiter = =\n", "1 `=`;"},
        {"a variable is not followed", "recipient_delimiter = $x\n", "1!postfix-override;"},
        {"nor does it take away", "recipient_delimiter = -\nrecipient_delimiter = $x\n",
         "1 `-`;2!postfix-override;"},
        {"same values",
         "myhostname = MAIL.example.test\nmyorigin = mail.example.test\n"
         "mydestination = mail.example.test, localhost\n",
         ""},
        {"other values", "myhostname = x\nmyorigin = $mydomain\nmydestination =\n",
         "1!postfix-override;2!postfix-override;3!postfix-override;"},
        {"settings that change expansion",
         "virtual_alias_maps = hash:x\nswap_bangpath=no\nsmtpd_banner = x\n",
         "1!postfix-override;2!postfix-override;"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        struct delimiter_override delimiter;
        struct error error = {0};
        FILE *stream = text_stream(cases[i].input);
        assert_true(
            dms_parse_main(stream, arena, &settings, &delimiter, &findings, &error));
        fclose(stream);
        const char *got = describe(arena, &delimiter, &findings);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void reads_dovecot_settings(void **state)
{
    (void)state;

    static const struct override_case cases[] = {
        {"nothing", "", ""},
        {"one", "recipient_delimiter = -\n", "1 `-`;"},
        {"no blanks, no line end", "recipient_delimiter=+-", "1 `+-`;"},
        {"empty", "recipient_delimiter =\n", "1 ``;"},
        {"CRLF", "recipient_delimiter = -\r\n", "1 `-`;"},
        {"quotes", "recipient_delimiter = \"-\"\n", "1 `-`;"},
        {"single quotes", "recipient_delimiter = '-'\n", "1 `-`;"},
        {"quoted nothing", "recipient_delimiter = \"\"\n", "1 ``;"},
        {"one quote", "recipient_delimiter = \"\n", "1 `\"`;"},
        {"different quotes", "recipient_delimiter = \"-'\n", "1 `\"-'`;"},
        {"comment", "recipient_delimiter = - # note\n", "1 `-`;"},
        {"comment behind a tab", "recipient_delimiter = -\t# note\n", "1 `-`;"},
        {"comment without a blank", "recipient_delimiter = -# note\n", "1 `-`;"},
        {"comment behind quotes", "recipient_delimiter = \"-\" # \"note\"\n", "1 `-`;"},
        {"quoted number sign", "recipient_delimiter = \"#\"\n", "1 `#`;"},
        {"commented out", "#recipient_delimiter = -\n  # recipient_delimiter = -\n", ""},
        {"indented, in a block", "protocol lmtp {\n  recipient_delimiter = -\n}\n",
         "2 `-`;"},
        {"last one wins", "recipient_delimiter = -\nrecipient_delimiter = _\n", "2 `_`;"},
        {"continued", "recipient_delimiter = \\\n  -\n", "1 `-`;"},
        {"comment within", "recipient_delimiter = \\ # x\n# y\n\n  - # z\n", "1 `-`;"},
        {"continued at the end of the file", "recipient_delimiter = - \\", ""},
        {"continued line before", "mail_plugins = a \\\nrecipient_delimiter = -\n", ""},
        {"a variable is not followed", "recipient_delimiter = $x\n", "1?"},
        {"nor a file", "recipient_delimiter = -\nrecipient_delimiter = </x\n", "2?"},
        {"a dollar sign in quotes", "recipient_delimiter = \"$\"\n", "1 `$`;"},
        {"another name", "xrecipient_delimiter = -\nrecipient_delimiters = -\n", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const struct finding_list none = {.arena = arena};
        struct delimiter_override delimiter;
        struct error error = {0};
        FILE *stream = text_stream(cases[i].input);
        assert_true(dms_parse_dovecot(stream, arena, &delimiter, &error));
        fclose(stream);
        const char *got = describe(arena, &delimiter, &none);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void refuses_what_is_no_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct delimiter_override delimiter;
    struct error error = {0};
    FILE *stream = bytes_stream("a = b\nc\0d\n", 10);
    assert_false(dms_parse_main(stream, arena, &settings, &delimiter, NULL, &error));
    assert_non_null(strstr(error.text, "line 2 holds a NUL byte"));
    rewind(stream);
    error = (struct error){0};
    assert_false(dms_parse_dovecot(stream, arena, &delimiter, &error));
    assert_non_null(strstr(error.text, "line 2 holds a NUL byte"));
    fclose(stream);
    arena_free(&arena);
}

/* Which delimiters are in force, and where the finding is when programs disagree. */
static void chooses_delimiters(void **state)
{
    (void)state;

    static const struct {
        const char *ours;
        bool given;
        const char *postfix, *dovecot;
        const char *want;
        const char *finding; /* its file, or NULL */
    } cases[] = {
        {"+", false, NULL, NULL, "+", NULL},
        {"+", false, "-", NULL, "-", "postfix-main.cf"},
        {"+", false, "-", "-", "-", NULL},
        {"+", false, "-+", "+-", "-+", NULL},
        {"+", false, "++", NULL, "++", NULL},
        {"+", false, NULL, "-", "+", "dovecot.cf"},
        {"+", false, "", "", "", NULL},
        {"+", false, "", NULL, "", "postfix-main.cf"},
        {"+", false, NULL, "", "+", "dovecot.cf"},
        {"+", false, "-", "_", "-", "dovecot.cf"},
        {"+", false, "-", "?", "-", NULL},
        {"_", true, NULL, NULL, "_", NULL},
        {"_", true, NULL, "-", "_", NULL},
        {"_", true, "-", "-", "_", "postfix-main.cf"},
        {"_-", true, "-_", NULL, "_-", NULL},
        {"", true, "+", NULL, "", "postfix-main.cf"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        struct directory_settings ours = settings;
        ours.rules.delimiters = cases[i].ours;
        ours.delimiters_given = cases[i].given;
        const struct delimiter_override postfix = {cases[i].postfix, 3};
        struct delimiter_override dovecot = {cases[i].dovecot, 5};
        if (dovecot.value == NULL) {
            dovecot.line = 0;
        } else if (strcmp(dovecot.value, "?") == 0) { /* not followed */
            dovecot.value = NULL;
        }
        const char *got = dms_delimiters(&ours, &postfix, &dovecot, &findings);
        assert_string_equal(got, cases[i].want);
        assert_string_equal(dms_delimiters(&ours, &postfix, &dovecot, NULL), got);
        assert_int_equal(findings.count, cases[i].finding != NULL);
        if (findings.count > 0) {
            bool in_postfix = strcmp(cases[i].finding, "postfix-main.cf") == 0;
            assert_string_equal(findings.entries[0].code, "delimiter-mismatch");
            assert_string_equal(findings.entries[0].file, cases[i].finding);
            assert_int_equal(findings.entries[0].line, in_postfix ? 3 : 5);
        }
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_postfix_settings),
        cmocka_unit_test(reads_dovecot_settings),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(chooses_delimiters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
