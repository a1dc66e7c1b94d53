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
    .rules = {.myorigin = "mail.example.test", .delimiters = "+"},
};

/* `line key=value;` of every entry and `line!code;` of every finding. */
static const char *describe(struct arena *arena, const struct table *table,
                            const struct finding_list *findings)
{
    const char *text = "";
    struct table_entry entry;
    size_t cursor = 0;
    while (table_next(table, &cursor, &entry)) {
        text = arena_format(arena, "%s%d %s=%s;", text, entry.line, entry.key, entry.value);
    }
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->entries[i];
        text = arena_format(arena, "%s%d!%s;", text, finding->line, finding->code);
        assert_string_equal(finding->file, "postfix-virtual.cf");
        assert_true(finding->message[0] != '\0' && finding->remedy[0] != '\0');
    }
    return text;
}

static void reads_lines_as_postfix(void **state)
{
    (void)state;

    static const struct {
        const char *name, *input, *want;
    } cases[] = {
        {"nothing", "", ""},
        {"blank lines and comments", "\n  \n# a b\n  # c d\n\t\n", ""},
        {"one", "a b\n", "1 a=b;"},
        {"no line end", "a b", "1 a=b;"},
        {"several blanks", "a \t b c \n", "1 a=b c;"},
        {"CRLF", "a b\r\nc d\r\n", "1 a=b;2 c=d;"},
        {"key is folded, value is not", "A@B.Test X@Y.Test\n", "1 a@b.test=X@Y.Test;"},
        {"continuation joins as it stands", "a b\n c\n", "1 a=b c;"},
        {"continuation with CRLF", "a b\r\n c\r\n", "1 a=b\r c;"},
        {"comment within", "a b\n# x\n c\n", "1 a=b c;"},
        {"blank line within", "a b\n\n c\n", "1 a=b c;"},
        {"indented comment within", "a b,\n  # x\n\tc\nd e\n", "1 a=b,\tc;4 d=e;"},
        {"only the value continued", "a\n b\n", "1 a=b;"},
        {"indented first line", " a b\nc d\n", "2 c=d;1!indented-line;"},
        {"indented first, continued", "# x\n a b\n c d\ne f\n", "4 e=f;2!indented-line;"},
        {"no value", "a\nb c\n", "2 b=c;1!no-value;"},
        {"quoted key", "\"a b\"@c d\n", "1 \"a b\"@c=d;"},
        {"escaped blank", "a\\ b c\n", "1 a\\ b=c;"},
        {"escaped quote", "a\\\" b\n", "1 a\\\"=b;"},
        {"open quote", "a\"b c\nd e\n", "2 d=e;1!open-quote;"},
        {"backslash at the end", "a\\\n", "1!no-value;"},
        {"comment sign later", "a b # c\n", "1 a=b # c;1!comment-in-value;"},
        {"comment sign in the key", "a#b c\n", "1 a#b=c;"},
        {"vertical tab is white space", "a\vb\n", "1 a=b;"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct snapshot *snapshot = snapshot_new(&settings);
        struct finding_list findings = {.arena = arena};
        struct error error = {0};
        FILE *stream = text_stream(cases[i].input);
        assert_true(dms_parse_virtual(snapshot, stream, &findings, &error));
        fclose(stream);
        const char *got = describe(arena, &snapshot->aliases, &findings);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        snapshot_release(&snapshot);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_as_postfix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
