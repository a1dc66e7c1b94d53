/* SPDX-License-Identifier: MIT */
#include "directory/line.h"

#include "base/arena.h"
#include "text_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Lines until memory is out; negative: it never is. The reader's getline is this one, or is
 * the next as the headers of glibc have it. */
static int lines_left = -1;

ssize_t __getdelim(char **text, size_t *size, int end, FILE *stream)
{
    if (lines_left == 0) {
        errno = ENOMEM;
        return -1;
    }
    lines_left -= lines_left > 0;
    return getdelim(text, size, end, stream);
}

ssize_t getline(char **text, size_t *size, FILE *stream)
{
    return __getdelim(text, size, '\n', stream);
}

enum { HUGE_BYTES = 4 << 20, MANY_LINES = 20000 };

typedef bool next_line(struct line_reader *reader, struct line *line);

/* `number-last:text;` of each line, `+` for a continued one, `?` for an orphan; at the end
 * the error. */
static const char *describe(struct arena *arena, next_line *next, const char *bytes,
                            size_t length)
{
    const char *text = "";
    FILE *stream = bytes_stream(bytes, length);
    struct line_reader reader;
    struct line line;
    struct error error = {0};
    line_reader_init(&reader, stream);
    while (next(&reader, &line)) {
        text = arena_format(arena, "%s%d-%d%s%s:%s;", text, line.number, line.last,
                            line.continued ? "+" : "", line.orphan ? "?" : "", line.text);
    }
    bool read = line_reader_end(&reader, &error);
    assert_int_equal(read, error.kind == ERROR_NONE);
    line_reader_deinit(&reader);
    fclose(stream);
    return arena_format(arena, "%s%s", text, error.text);
}

struct line_case {
    const char *name, *input;
    size_t length; /* 0: up to the NUL */
    const char *want;
};

static void check(next_line *next, const struct line_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_new();
        size_t length = cases[i].length > 0 ? cases[i].length : strlen(cases[i].input);
        const char *got = describe(arena, next, cases[i].input, length);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        arena_free(&arena);
    }
}

#define NUL_LINE "line 2 holds a NUL byte; write the file as text"

static void reads_physical_lines(void **state)
{
    (void)state;

    static const struct line_case cases[] = {
        {"nothing", "", 0, ""},
        {"blank lines count", "\n\na\n", 0, "1-1:;2-2:;3-3:a;"},
        {"no line end", "a\nb", 0, "1-1:a;2-2:b;"},
        {"CR stays", "a\r\n", 0, "1-1:a\r;"},
        {"NUL", "a\nb\0c\nd\n", 8, "1-1:a;" NUL_LINE},
        {"NUL at the start", "a\n\0\n", 4, "1-1:a;" NUL_LINE},
        {"NUL as the last byte", "a\nb\0", 4, "1-1:a;" NUL_LINE},
    };

    check(line_next, cases, sizeof cases / sizeof cases[0]);
}

static void reads_lines_as_scripts_do(void **state)
{
    (void)state;

    static const struct line_case cases[] = {
        {"nothing", "", 0, ""},
        {"no line end", "a", 0, "1-1:a;"},
        {"CRLF", "a\r\n\r\nb\r\n", 0, "1-1:a;3-3:b;"},
        {"one CR only", "a\r\r\n", 0, "1-1:a\r;"},
        {"CR within", "a\rb\n", 0, "1-1:a\rb;"},
        {"CR before the end of the file", "a\r", 0, "1-1:a;"},
        {"comments", "# x\n  # y\na # z\n#\n", 0, "3-3:a # z;"},
        {"blank lines", " \n\t\v\f\nb\n", 0, "3-3:b;"},
        {"indented lines are lines", "a\n b\n", 0, "1-1:a;2-2: b;"},
        {"NUL", "a\nb\0c\nd\n", 8, "1-1:a;" NUL_LINE},
        {"NUL in a comment", "a\n#\0\nd\n", 7, "1-1:a;" NUL_LINE},
    };

    check(line_next_plain, cases, sizeof cases / sizeof cases[0]);
}

static void joins_lines_as_postfix_does(void **state)
{
    (void)state;

    static const struct line_case cases[] = {
        {"nothing", "", 0, ""},
        {"no line end", "a\n b", 0, "1-2+:a b;"},
        {"joined as they stand", "a\n  b\n\tc\nd\n", 0, "1-3+:a  b\tc;4-4:d;"},
        {"comments and blank lines vanish", "a\n# x\n\n  # y\n b\n#\nc\n", 0,
         "1-5+:a b;7-7:c;"},
        {"only comments behind it", "a\n# x\n\n", 0, "1-1:a;"},
        {"orphan", "  a\nb\n", 0, "1-1?:  a;2-2:b;"},
        {"orphan, continued", "# x\n a\n b\nc\n", 0, "2-3+?: a b;4-4:c;"},
        {"vertical tab indents", "a\n\vb\n", 0, "1-2+:a\vb;"},
        {"CRLF", "a\r\n b\r\nc\r\n", 0, "1-2+:a\r b\r;3-3:c\r;"},
        {"blank CRLF line within", "a\n\r\n b\n", 0, "1-3+:a b;"},
        {"NUL in the first line", "\nb\0\n", 4, NUL_LINE},
        {"NUL in a continuation", "a\n b\0\nc\n", 7, NUL_LINE},
        {"NUL in a comment within", "a\n#\0\n b\n", 7, NUL_LINE},
    };

    check(line_next_logical, cases, sizeof cases / sizeof cases[0]);
}

/* One line of megabytes, and one of many continuation lines: all of it is there, in
 * reasonable time. */
static void reads_huge_lines(void **state)
{
    (void)state;
    char *bytes = malloc(HUGE_BYTES);
    assert_non_null(bytes);
    memset(bytes, 'x', HUGE_BYTES);
    FILE *stream = bytes_stream(bytes, HUGE_BYTES);
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, stream);
    assert_true(line_next_logical(&reader, &line));
    assert_int_equal(strlen(line.text), HUGE_BYTES);
    assert_false(line_next_logical(&reader, &line));
    line_reader_deinit(&reader);
    fclose(stream);

    memcpy(bytes, "key\n", 4);
    for (size_t i = 0; i < MANY_LINES; i++) {
        memcpy(bytes + 4 + i * 8, " target\n", 8);
    }
    stream = bytes_stream(bytes, 4 + MANY_LINES * 8);
    line_reader_init(&reader, stream);
    assert_true(line_next_logical(&reader, &line));
    assert_int_equal(strlen(line.text), 3 + MANY_LINES * 7);
    assert_int_equal(line.last, MANY_LINES + 1);
    assert_false(line_next_logical(&reader, &line));
    line_reader_deinit(&reader);
    fclose(stream);
    free(bytes);
}

static void tells_when_reading_fails(void **state)
{
    (void)state;
    struct line_reader reader;
    struct line line;
    struct error error = {0};
    FILE *stream = fopen("/", "r"); /* opens, and cannot be read */
    assert_non_null(stream);
    line_reader_init(&reader, stream);
    assert_false(line_next_logical(&reader, &line));
    assert_false(line_reader_end(&reader, &error));
    assert_int_equal(error.kind, ERROR_SYSTEM);
    assert_string_equal(error.text, "cannot be read");
    line_reader_deinit(&reader);
    fclose(stream);
}

/* Neither the end of the file nor a failure of the stream. */
static void tells_when_memory_is_out(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\n three\n";
    for (int lines = 0; lines < 4; lines++) {
        FILE *stream = bytes_stream(text, sizeof text - 1);
        struct line_reader reader;
        struct line line;
        struct error error = {0};
        line_reader_init(&reader, stream);
        lines_left = lines;
        while (line_next_logical(&reader, &line)) {
        }
        lines_left = -1;
        /* At the end nothing is asked for. */
        assert_int_equal(line_reader_end(&reader, &error), lines == 3);
        assert_false(ferror(stream));
        if (lines < 3) {
            assert_string_equal(error.text, "cannot be read");
            assert_false(line_next(&reader, &line)); /* and nothing more comes */
        }
        line_reader_deinit(&reader);
        fclose(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_physical_lines),
        cmocka_unit_test(reads_lines_as_scripts_do),
        cmocka_unit_test(joins_lines_as_postfix_does),
        cmocka_unit_test(reads_huge_lines),
        cmocka_unit_test(tells_when_reading_fails),
        cmocka_unit_test(tells_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
