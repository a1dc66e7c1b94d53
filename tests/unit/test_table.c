/* SPDX-License-Identifier: MIT */
#include "directory/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* `line key=value;` of every entry and `line!code;` of every finding. */
static const char *describe(struct arena *arena, const struct table *table,
                            const struct finding_list *findings)
{
    const char *text = "";
    for (size_t i = 0; i < table->count; i++) {
        const struct table_entry *entry = &table->entries[i];
        text =
            arena_format(arena, "%s%d %s=%s;", text, entry->line, entry->key, entry->value);
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
        struct table table = {0};
        struct finding_list findings = {.arena = arena};
        table_parse(arena, &table, arena_copy(arena, cases[i].input), "postfix-virtual.cf",
                    &findings);
        const char *got = describe(arena, &table, &findings);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void finds_in_any_case(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct table table = {0};
    assert_null(table_find(&table, "a"));
    for (int i = 0; i < 1000; i++) {
        table_add(arena, &table, arena_format(arena, "Key%d", i),
                  arena_format(arena, "%d", i), i + 1);
    }
    assert_null(table_sort(&table));
    for (int i = 0; i < 1000; i++) {
        const struct table_entry *entry =
            table_find(&table, arena_format(arena, "kEY%d", i));
        assert_non_null(entry);
        assert_string_equal(entry->value, arena_format(arena, "%d", i));
    }
    assert_null(table_find(&table, "key"));
    assert_null(table_find(&table, "key1000"));
    assert_null(table_find(&table, ""));
    arena_free(&arena);
}

static void tells_twins(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct table table = {0};
    char content[] = "z 1\na 1\nb 1\nB 2\nA 2\nZ 2\nb 3\n";
    table_parse(arena, &table, content, "x", NULL);
    const struct table_entry *twin = table_sort(&table);
    assert_non_null(twin);
    assert_int_equal(twin->line, 4);
    assert_int_equal(twin[-1].line, 3);
    table_unique(&table);
    assert_int_equal(table.count, 3);
    assert_string_equal(table_find(&table, "b")->value, "1");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_as_postfix),
        cmocka_unit_test(finds_in_any_case),
        cmocka_unit_test(tells_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
