/* SPDX-License-Identifier: MIT */
#include "directory/dms_parse.h"

#include "text_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct directory_settings settings = {
    .hostname = "mail.example.test",
    .mydestination = "mail.example.test",
    .postmaster = "pm@example.com",
    .rules = {.myorigin = "mail.example.test", .delimiters = "+"},
};

/* `line key=value;` of every entry and `line!code;` of every finding. */
static const char *describe(struct arena *arena, const char *input, size_t length)
{
    const char *text = "";
    struct snapshot *snapshot = snapshot_new(&settings);
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    FILE *stream = bytes_stream(input, length);
    bool read = dms_parse_aliases(snapshot, stream, &findings, &error);
    fclose(stream);
    struct table_entry entry;
    size_t cursor = 0;
    while (table_next(&snapshot->local_aliases, &cursor, &entry)) {
        text = arena_format(arena, "%s%d %s=%s;", text, entry.line, entry.key, entry.value);
    }
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.entries[i];
        text = arena_format(arena, "%s%d!%s;", text, finding->line, finding->code);
        assert_string_equal(finding->file, "postfix-aliases.cf");
        assert_true(finding->message[0] != '\0' && finding->remedy[0] != '\0');
    }
    assert_int_equal(read, error.text[0] == '\0');
    snapshot_release(&snapshot);
    return arena_format(arena, "%s%s", text, error.text);
}

#define ROOT "0 root=pm@example.com;"

static void reads_lines_as_postalias(void **state)
{
    (void)state;

    static const struct {
        const char *name, *input, *want;
    } cases[] = {
        {"nothing", "", ROOT},
        {"comments only", "# a: b\n\n  # c\n", ROOT},
        {"one", "a: b@x.test\n", ROOT "1 a=b@x.test;"},
        {"no line end", "a: b", ROOT "1 a=b;"},
        {"several targets", "a: b, c  d\n", ROOT "1 a=b, c d;"},
        {"blanks round the colon", "a\t :b\n", ROOT "1 a=b;"},
        {"CRLF", "a: b\r\nc: d\r\n", ROOT "1 a=b;2 c=d;"},
        {"continuation", "a: b,\n  c\n# x\n\n\td\ne: f\n", ROOT "1 a=b, c d;6 e=f;"},
        {"the value on the next line", "a:\n b\n", ROOT "1 a=b;"},
        {"the colon on the next line", "a\n : b\n", ROOT "1 a=b;"},
        {"key is folded, value is not", "Sup: Bob@X.Test\n", ROOT "1 sup=Bob@X.Test;"},
        {"quoted key", "\"two words\": b\n", ROOT "1 two words=b;"},
        {"two words", "two  words: b\n", ROOT "1 two words=b;"},
        {"quoted signs in the key", "\"a@b:c,d\": e\n", ROOT "1 a@b:c,d=e;"},
        {"blanks round a dot", "a . b: c\n", ROOT "1 a.b=c;"},
        {"comment", "a: b (other) c\n", ROOT "1 a=b c;"},
        {"comment in the name", "a (note): b\n(c) d: e\n\"(f)\": g\n",
         ROOT "3 (f)=g;1!comment-in-name;2!comment-in-name;"},
        {"escaped sign", "a\\@b: c\n", ROOT "1 a@b=c;"},
        {"a comment alone is nothing", "(a: b)\nc: d\n", ROOT "2 c=d;"},
        {"no colon", "a b\nc: d\n", ROOT "2 c=d;1!no-value;"},
        {"colon in quotes only", "\"a: b\"\n", ROOT "1!no-value;"},
        {"nothing before the colon", ": a\n", ROOT "1!no-value;"},
        {"nothing behind it", "a:\nb: (c)\n", ROOT "2 b=,;1!no-value;"},
        {"a comma alone is a value", "a: ,\n", ROOT "1 a=,;"},
        {"so are quotes", "a: \"\"\n", ROOT "1 a=\"\";"},
        {"domain", "a@x.test: b\n", ROOT "1!alias-with-domain;"},
        {"percent", "a%x.test: b\n", ROOT "1!alias-with-domain;"},
        {"two names", "a, b: c\n", ROOT "1!alias-with-domain;"},
        {"the first of two lines counts", "a: b\nA: c\n\"a\": d\n",
         ROOT "1 a=b;2!duplicate-key;3!duplicate-key;"},
        {"root is there already", "root: me@x.test\n", ROOT "1!duplicate-key;"},
        {"command, file, list", "a: \"|c d\", /e/f\nb: :include:/g h\n",
         ROOT "1 a=\"|c d\", /e/f;2 b=:include:/g h;"},
        {"unquoted command", "a: |c d\n", ROOT "1 a=|c d;"},
        {"backslash", "a: \\b, \"\\\\c\"\n", ROOT "1 a=b, \"\\\\c\";"},
        {"group", "a: Name: b, c;\n", ROOT "1 a=Name:b, c;;"},
        {"open quote", "a: \"b\nc: d\n", ROOT "1 a=\"b\";2 c=d;"},
        {"open comment swallows the line", "a: b (c\nd: e\n", ROOT "1 a=b;2 d=e;"},
        {"indented first line goes on for root", "# x\n  , b@x.test\na: c\n",
         "0 root=pm@example.com, b@x.test;3 a=c;2!indented-line;"},
        {"and so does what continues it", " b\n  c\n",
         "0 root=pm@example.com b c;1!indented-line;"},
        {"indented lines later are continuations", "a: b\n c: d\n", ROOT "1 a=b c:d;"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *got = describe(arena, cases[i].input, strlen(cases[i].input));
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
    assert_string_equal(describe(arena, "a: b\nc\0: d\n", 11),
                        ROOT "1 a=b;line 2 holds a NUL byte; write the file as text");
    arena_free(&arena);
}

/* Both lines of a double key are named, and the one of docker-mailserver as what it is. */
static void names_both_lines(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct snapshot *snapshot = snapshot_new(&settings);
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    FILE *stream = text_stream("a: b\nROOT: c\nA: d\n");
    assert_true(dms_parse_aliases(snapshot, stream, &findings, &error));
    fclose(stream);
    assert_int_equal(findings.count, 2);
    assert_non_null(strstr(findings.entries[0].message, "`root: pm@example.com`"));
    assert_non_null(strstr(findings.entries[1].message, "a stands on line 1 already"));
    snapshot_release(&snapshot);
    arena_free(&arena);
}

static void adds_root_without_a_file(void **state)
{
    (void)state;
    struct table_entry entry;
    struct snapshot *snapshot = snapshot_new(&settings);
    dms_add_root(snapshot);
    assert_true(table_find(&snapshot->local_aliases, "root", &entry));
    assert_string_equal(entry.value, "pm@example.com");
    snapshot_release(&snapshot);

    struct directory_settings nobody = settings;
    nobody.postmaster = NULL;
    snapshot = snapshot_new(&nobody);
    dms_add_root(snapshot);
    assert_int_equal(snapshot_counts(snapshot).local_aliases, 0);
    snapshot_release(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_as_postalias),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(names_both_lines),
        cmocka_unit_test(adds_root_without_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
