/* SPDX-License-Identifier: MIT */
/* What reaches stderr, read back through a pipe; JSON is judged by jansson. */
#include "base/counter.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char output[2 * LOG_LINE_BYTES];

/* Runs log_end with stderr on a pipe; the line's text in output. */
static void finish(struct log_line *line)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_end(line);
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t got = read(ends[0], output, sizeof output - 1);
    close(ends[0]);
    assert_true(got >= 0);
    output[got] = '\0';
}

static json_t *read_json(void)
{
    json_error_t error;
    json_t *object = json_loads(output, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object == NULL) {
        fail_msg("%s: %.200s", error.text, output);
    }
    return object;
}

static void one_newline_at_the_end(void)
{
    char *newline = strchr(output, '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n");
}

static void text_lines(void **state)
{
    (void)state;

    static const struct {
        const char *value, *want;
    } cases[] = {
        {"plain", "info event key=plain\n"},
        {"two words", "info event key=\"two words\"\n"},
        {"", "info event key=\"\"\n"},
        {"a=b", "info event key=\"a=b\"\n"},
        {"q\"q\\", "info event key=\"q\\\"q\\\\\"\n"},
        {"x\ninfo forged qid=1", "info event key=\"x\\u000ainfo forged qid=1\"\n"},
        {"x\r\n", "info event key=\"x\\u000d\\u000a\"\n"},
        {"\033[2J\x7f", "info event key=\"\\u001b[2J\\u007f\"\n"},
        {"\xc2\x9b", "info event key=\"\\u009b\"\n"},
        {"\xff\xc3\xa4", "info event key=\"\\u00ff\xc3\xa4\"\n"},
    };

    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_line line;
        log_begin(&line, LOG_INFO, "event");
        log_text(&line, "key", cases[i].value);
        log_text(&line, "absent", NULL);
        finish(&line);
        assert_string_equal(output, cases[i].want);
    }
}

static void keys_cannot_forge(void **state)
{
    (void)state;
    struct log_line line;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    log_begin(&line, LOG_WARNING, "e\nvent");
    log_text(&line, "a b=c\n\"", "x");
    finish(&line);
    assert_string_equal(output, "warning e\\u000avent a_b_c__=x\n");
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    log_begin(&line, LOG_WARNING, "e\nvent");
    log_text(&line, "a\":1,\"b", "x");
    finish(&line);
    assert_string_equal(
        output, "{\"level\":\"warning\",\"event\":\"e\\u000avent\",\"a__1__b\":\"x\"}\n");
}

static void json_is_valid_for_any_bytes(void **state)
{
    (void)state;
    char every[255];
    for (size_t i = 0; i < sizeof every; i++) {
        every[i] = (char)(i + 1);
    }
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    struct log_line line;
    log_begin(&line, LOG_ERROR, "event");
    log_bytes(&line, "every", every, sizeof every);
    log_bytes(&line, "nul", "a\0b", 3);
    log_number(&line, "least", INT64_MIN);
    log_number(&line, "most", INT64_MAX);
    finish(&line);
    one_newline_at_the_end();
    json_t *object = read_json();
    assert_int_equal(json_integer_value(json_object_get(object, "least")), INT64_MIN);
    assert_int_equal(json_integer_value(json_object_get(object, "most")), INT64_MAX);
    assert_non_null(json_object_get(object, "every"));
    assert_non_null(strstr(output, "a\\u0000b"));
    json_decref(object);
}

/* Fills a line nearly, then lets a last field meet the limit at every offset. */
static void json_is_valid_at_the_limit(void **state)
{
    (void)state;
    static const char *const fills[] = {"x", "\"", "\xff", "\xf0\x9f\x98\x80", "\n"};
    char value[LOG_VALUE_BYTES * 2];
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    for (size_t fill = 0; fill < sizeof fills / sizeof fills[0]; fill++) {
        for (size_t length = 900; length < 1040; length++) {
            struct log_line line;
            memset(value, 'a', sizeof value);
            log_begin(&line, LOG_INFO, "event");
            log_bytes(&line, "a", value, 1000);
            log_bytes(&line, "b", value, 1000);
            log_bytes(&line, "c", value, 1000);
            log_bytes(&line, "d", value, length);
            for (size_t i = 0; i + 4 < sizeof value; i += strlen(fills[fill])) {
                memcpy(value + i, fills[fill], strlen(fills[fill]));
            }
            log_bytes(&line, "e", value, 1000);
            log_number(&line, "number", -123456789012345);
            log_text(&line, "last", "z");
            finish(&line);
            one_newline_at_the_end();
            assert_true(strlen(output) <= LOG_LINE_BYTES);
            json_t *object = read_json();
            json_t *number = json_object_get(object, "number");
            assert_true(number == NULL || json_integer_value(number) == -123456789012345);
            json_decref(object);
        }
    }
}

static void long_values_are_cut(void **state)
{
    (void)state;
    char value[LOG_VALUE_BYTES + 1];
    memset(value, 'v', sizeof value);
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    struct log_line line;
    log_begin(&line, LOG_INFO, "event");
    log_bytes(&line, "key", value, LOG_VALUE_BYTES);
    finish(&line);
    assert_null(strstr(output, "..."));
    log_begin(&line, LOG_INFO, "event");
    log_bytes(&line, "key", value, sizeof value);
    finish(&line);
    assert_non_null(strstr(output, "v...\n"));
}

static void levels_are_obeyed(void **state)
{
    (void)state;
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    assert_true(log_is_active(LOG_ERROR));
    assert_true(log_is_active(LOG_WARNING));
    assert_false(log_is_active(LOG_INFO));
    struct log_line line;
    log_begin(&line, LOG_DEBUG, "event");
    log_text(&line, "key", "value");
    log_number(&line, "key", 1);
    finish(&line);
    assert_string_equal(output, "");
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
}

/* A pipe that nobody reads holds 64 KiB: a program that waited would never come back. */
static void a_stuck_reader_costs_lines_only(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    char value[1000];
    memset(value, 'x', sizeof value);

    enum { LINES = 200 };

    for (int i = 0; i < LINES; i++) {
        struct log_line line;
        log_begin(&line, LOG_ERROR, "stuck");
        log_bytes(&line, "value", value, sizeof value);
        log_end(&line);
    }
    int64_t lost = counter_get(COUNTER_LOG_LOST);
    char content[4096];
    ssize_t got = 1;
    ssize_t total = 0;
    while (got > 0 && total < 65536 / 2) {
        got = read(ends[0], content, sizeof content);
        total += got;
    }
    log_message(LOG_ERROR, "again", "there is room");
    int64_t lost_then = counter_get(COUNTER_LOG_LOST);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[0]);
    assert_true(lost > 0 && lost < LINES);
    assert_int_equal(lost_then, lost);
}

static char captured[64];

static void capture(const struct log_line *line)
{
    memcpy(captured, line->text, line->length);
    captured[line->length] = '\0';
}

static void lines_can_be_captured(void **unused)
{
    (void)unused;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    log_capture(capture);
    log_message(LOG_INFO, "seen", "x y");
    log_message(LOG_DEBUG, "unseen", "z");
    log_capture(NULL);
    assert_string_equal(captured, "info seen text=\"x y\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_can_be_captured),
        cmocka_unit_test(text_lines),
        cmocka_unit_test(keys_cannot_forge),
        cmocka_unit_test(json_is_valid_for_any_bytes),
        cmocka_unit_test(json_is_valid_at_the_limit),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(levels_are_obeyed),
        cmocka_unit_test(a_stuck_reader_costs_lines_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
