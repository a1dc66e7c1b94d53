/* SPDX-License-Identifier: MIT */
/* Records as lines: what is written is read back the same, whatever is in it; what is too
 * long is left out and named; what is no record is refused. */
#include "record_fixture.h"

#include "record/lines.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct record read_back(struct arena *arena, const struct buffer *line)
{
    struct record record;
    struct error error;
    if (record_read(arena, line->data, line->length, &record, &error) != RECORD_READ) {
        fail_msg("%s\n%s", error.text, line->data);
    }
    return record;
}

static struct value table_of(struct arena *arena, const struct value_entry *entries,
                             size_t count)
{
    struct value table = {.type = VALUE_TABLE};
    for (size_t i = 0; i < count; i++) {
        value_set(arena, &table, entries[i].key, entries[i].value);
    }
    return table;
}

#define INTEGER(number)                                                                    \
    {                                                                                      \
        .type = VALUE_INTEGER, .integer = (number)                                         \
    }
#define NUMBER(value)                                                                      \
    {                                                                                      \
        .type = VALUE_NUMBER, .number = (value)                                            \
    }
#define BYTES(string)                                                                      \
    {                                                                                      \
        .type = VALUE_TEXT, .text = {.bytes = (string), .length = sizeof(string) - 1 }     \
    }

/* A second writing is the same as the first: nothing was lost, and all has its type. */
static void test_values_survive(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    const struct value_entry list[] = {
        {INTEGER(1), BYTES("a")}, {INTEGER(2), BYTES("")}, {INTEGER(3), NUMBER(2)}};
    const struct value_entry holes[] = {{INTEGER(-5), BYTES("a")},
                                        {INTEGER(2), INTEGER(2)}};
    const struct value_entry named[] = {
        {BYTES(""), BYTES("empty")},        {BYTES("#5"), BYTES("text")},
        {BYTES("\\#5"), BYTES("text too")}, {BYTES("a\0b"), BYTES("NUL")},
        {BYTES("\\number"), BYTES("nan")},  {BYTES("\xff"), BYTES("byte")},
    };
    const struct value_entry nested[] = {
        {BYTES("inner"), table_of(arena, named, 6)},
        {BYTES("list"), table_of(arena, list, 3)},
        {BYTES("holes"), table_of(arena, holes, 2)},
        {BYTES("none"), {.type = VALUE_TABLE}},
    };
    const struct value values[] = {
        {.type = VALUE_NIL},
        {.type = VALUE_BOOL, .boolean = false},
        {.type = VALUE_BOOL, .boolean = true},
        INTEGER(INT64_MIN),
        INTEGER(INT64_MAX),
        NUMBER(0.1),
        NUMBER(1),
        NUMBER(-1e300),
        NUMBER(INFINITY),
        NUMBER(-INFINITY),
        BYTES(""),
        BYTES("plain"),
        BYTES("\0"),
        BYTES("\\"),
        BYTES("\\x41"),
        BYTES("\xff\xc3\xa9\xc3\"\n\x7f\xc2\x85\xed\xa0\x80"),
        table_of(arena, nested, 4),
        {.type = VALUE_NIL},
    };
    size_t count = sizeof values / sizeof values[0];
    struct buffer first;
    struct buffer second;
    buffer_init(&first, RECORD_LINE_BYTES);
    buffer_init(&second, RECORD_LINE_BYTES);
    record_write(record_make(arena, values, count), &first);
    struct record record = read_back(arena, &first);
    const struct value_list *results =
        &record.events[1].decisions[0].observations.first->results;
    assert_int_equal(results->count, count);
    for (size_t i = 0; i < count; i++) {
        if (!value_equal(&results->values[i], &values[i])) {
            fail_msg("value %zu: %s", i, first.data);
        }
    }
    record_write(&record, &second);
    assert_string_equal(second.data, first.data);
    /* One line, which does nothing to a terminal. */
    assert_ptr_equal(strchr(first.data, '\n'), first.data + first.length - 1);
    for (size_t i = 0; i + 1 < first.length; i++) {
        assert_true((unsigned char)first.data[i] >= ' ' && first.data[i] != 0x7f);
    }
    buffer_deinit(&first);
    buffer_deinit(&second);
    arena_free(&arena);
}

static void test_fields_survive(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct buffer line;
    buffer_init(&line, RECORD_LINE_BYTES);
    record_write(record_make(arena, NULL, 0), &line);
    struct record record = read_back(arena, &line);
    assert_int_equal(record.time_ms, INT64_C(1795889973672));
    assert_non_null(strstr(line.data, "\"time\":\"2026-11-28T18:19:33.672Z\""));
    assert_true(record.directory == UINT64_C(0xfbc020a04ff55c8f));
    assert_string_equal(record.session.login, "u\xff\\x41");
    assert_null(record.session.tls_version);
    assert_true(record.session.trusted);
    assert_false(record.is_first);
    assert_string_equal(record.events[0].arguments[0], "<\xfe@x.example>");
    assert_null(record.events[0].arguments[2]);
    assert_string_equal(record.events[1].verdict.text, "100% \"no\"");
    assert_true(record.events[1].decisions[0].shadow);
    assert_string_equal(record.headers[0].values[0], "one\n two");
    assert_string_equal(record.headers[0].values[1], "\xc3\xa9\x01\xc2\x85");
    assert_int_equal(record.headers[1].count, 0);
    assert_int_equal(record.notes[0].value.type, VALUE_NIL);
    assert_int_equal(record.edits.edits[0].index, 3);
    assert_true(record.is_accepted);
    assert_int_equal(record.omitted, 0);
    buffer_deinit(&line);
    arena_free(&arena);
}

static const char *long_text(struct arena *arena, size_t length)
{
    char *text = arena_alloc(arena, length + 1);
    memset(text, 'x', length);
    return text;
}

/* Each part alone too long for a line. */
static void test_too_long(void **unused)
{
    (void)unused;

    const struct {
        const char *name;
        unsigned omitted;
    } cases[] = {
        {"answers", RECORD_ANSWERS},
        {"headers", RECORD_ANSWERS | RECORD_HEADERS},
        {"plan", RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN},
        {"events", RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN | RECORD_EVENTS},
        {"session",
         RECORD_ANSWERS | RECORD_HEADERS | RECORD_PLAN | RECORD_EVENTS | RECORD_SESSION},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *text = long_text(arena, RECORD_LINE_BYTES);
        const struct value answer = text_value(i == 0 ? text : "");
        struct record *record = record_make(arena, &answer, 1);
        if (i == 1) {
            record->headers[0].values[0] = text;
        } else if (i == 2) {
            record->edits.edits[0].value = text;
        } else if (i == 3) {
            record->events[1].arguments[0] = text;
        } else if (i == 4) {
            record->session.name = text;
        }
        struct buffer line;
        buffer_init(&line, RECORD_LINE_BYTES);
        record_write(record, &line);
        struct record seen = read_back(arena, &line);
        if (seen.omitted != cases[i].omitted) {
            fail_msg("%s: omitted %#x, want %#x", cases[i].name, seen.omitted,
                     cases[i].omitted);
        }
        assert_string_equal(seen.session.id, "s1");
        buffer_deinit(&line);
        arena_free(&arena);
    }
}

/* A line to break; %s stands for the events. */
#define LINE(events) "{\"foregate\":1,\"session\":{},\"events\":[" events "]}"

static void test_broken(void **unused)
{
    (void)unused;

    static const struct {
        const char *line;
        enum record_reading want;
        const char *reason;
    } cases[] = {
        {LINE(""), RECORD_READ, ""},
        {LINE("{\"stage\":\"helo\",\"arguments\":[\"x\"],\"verdict\":\"continue\"}"),
         RECORD_READ, ""},
        {"", RECORD_BROKEN, "no JSON"},
        {"{\"foregate\":1,\"session\":{\"id\":", RECORD_BROKEN, "no JSON"},
        {"[]", RECORD_BROKEN, "no record"},
        {"{}", RECORD_BROKEN, "no record"},
        {"{\"foregate\":\"1\"}", RECORD_BROKEN, "no record"},
        {"{\"foregate\":0}", RECORD_BROKEN, "no record"},
        {"{\"foregate\":2}", RECORD_NEWER, "newer foregate"},
        {"{\"foregate\":1}", RECORD_BROKEN, "no session"},
        {"{\"foregate\":1,\"session\":{}}", RECORD_BROKEN, "no events"},
        {"{\"foregate\":1,\"session\":{\"ip\":5},\"events\":[]}", RECORD_BROKEN,
         "\"ip\" is no text"},
        {"{\"foregate\":1,\"session\":{\"ip\":\"\\\\q\"},\"events\":[]}", RECORD_BROKEN,
         "\"ip\" is no text"},
        {"{\"foregate\":1,\"session\":{\"ip\":\"\\\\x00\"},\"events\":[]}", RECORD_BROKEN,
         "\"ip\" is no text"},
        {LINE("5"), RECORD_BROKEN, "verdict"},
        {LINE("{\"stage\":\"lunch\",\"verdict\":\"continue\"}"), RECORD_BROKEN, "no stage"},
        {LINE("{\"stage\":\"rcpt\",\"verdict\":\"continue\"}"), RECORD_BROKEN, "argument"},
        {LINE("{\"stage\":\"rcpt\",\"arguments\":[],\"verdict\":\"continue\"}"),
         RECORD_BROKEN, "argument"},
        {LINE("{\"stage\":\"rcpt\",\"arguments\":[5],\"verdict\":\"continue\"}"),
         RECORD_BROKEN, "no text"},
        {LINE("{\"stage\":\"data\",\"verdict\":\"perhaps\"}"), RECORD_BROKEN, "verdict"},
        {LINE("{\"stage\":\"data\",\"verdict\":\"reject\",\"code\":250}"), RECORD_BROKEN,
         "verdict"},
        {LINE("{\"stage\":\"data\",\"verdict\":\"continue\",\"rules\":"
              "[{\"verdict\":\"continue\",\"answers\":[{}]}]}"),
         RECORD_BROKEN, "which function"},
        {LINE("{\"stage\":\"data\",\"verdict\":\"continue\",\"rules\":"
              "[{\"verdict\":\"continue\",\"answers\":[{\"function\":\"f\"}]}]}"),
         RECORD_BROKEN, "make no sense"},
        {"{\"foregate\":1,\"session\":{},\"events\":[],\"headers\":{\"a\":\"b\"}}",
         RECORD_BROKEN, "header"},
        {"{\"foregate\":1,\"session\":{},\"events\":[],\"plan\":[{\"edit\":\"x\"}]}",
         RECORD_BROKEN, "edit"},
        {"{\"foregate\":1,\"session\":{\"notes\":[[true,1]]},\"events\":[]}", RECORD_BROKEN,
         "note"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct record record;
        struct error error;
        enum record_reading got =
            record_read(arena, cases[i].line, strlen(cases[i].line), &record, &error);
        if (got != cases[i].want || strstr(error.text, cases[i].reason) == NULL) {
            fail_msg("%s: %d, %s", cases[i].line, (int)got, error.text);
        }
        arena_free(&arena);
    }
}

/* Tables in tables, as deep as a line can be. */
static void test_deep(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct buffer line;
    buffer_init(&line, RECORD_LINE_BYTES);
    buffer_append_text(&line, "{\"foregate\":1,\"session\":{\"notes\":[[\"n\",");
    for (int i = 0; i < 1000; i++) {
        buffer_append_text(&line, "[");
    }
    for (int i = 0; i < 1000; i++) {
        buffer_append_text(&line, "]");
    }
    buffer_append_text(&line, "]]},\"events\":[]}");
    struct record record;
    struct error error;
    assert_int_equal(record_read(arena, line.data, line.length, &record, &error),
                     RECORD_BROKEN);
    buffer_deinit(&line);
    arena_free(&arena);
}

/* Every byte of a line changed, and every beginning of it: read or refused, never more. */
static void test_mutations(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct buffer line;
    const struct value result = text_value("full");
    buffer_init(&line, RECORD_LINE_BYTES);
    record_write(record_make(arena, &result, 1), &line);
    size_t length = line.length - 1;
    char *bytes = malloc(length); /* exactly as long, for the address sanitizer */
    assert_non_null(bytes);
    static const char changes[] = "\"\\{}[],:0x\xff\0";
    for (size_t i = 0; i < length; i++) {
        for (size_t j = 0; j < sizeof changes; j++) {
            struct arena *scratch = arena_new();
            struct record record;
            struct error error;
            memcpy(bytes, line.data, length);
            bytes[i] = changes[j];
            enum record_reading got = record_read(scratch, bytes, length, &record, &error);
            assert_true(got == RECORD_READ || error.text[0] != '\0');
            got = record_read(scratch, line.data, i, &record, &error);
            assert_int_equal(got, RECORD_BROKEN);
            arena_free(&scratch);
        }
    }
    free(bytes);
    buffer_deinit(&line);
    arena_free(&arena);
}

static void test_lines(void **unused)
{
    (void)unused;
    char text[] = "one\n\nfour\0x\n12345678\n123456789\nlast";
    FILE *stream = fmemopen(text, sizeof text - 1, "r");

    static const struct {
        const char *bytes;
        size_t length;
    } want[] = {{"one", 3},      {"", 0},         {"four\0x", 6},
                {"12345678", 8}, {"12345678", 9}, {"last", 4}};
    struct record_lines lines;
    record_lines_init(&lines, stream, 8);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(record_lines_next(&lines));
        assert_int_equal(lines.number, (int)i + 1);
        assert_int_equal(lines.length, want[i].length);
        assert_memory_equal(lines.text, want[i].bytes,
                            want[i].length < 8 ? want[i].length : 8);
    }
    assert_false(record_lines_next(&lines));
    record_lines_deinit(&lines);
    fclose(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_survive), cmocka_unit_test(test_fields_survive),
        cmocka_unit_test(test_too_long),       cmocka_unit_test(test_broken),
        cmocka_unit_test(test_deep),           cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
