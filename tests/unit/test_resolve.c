/* SPDX-License-Identifier: MIT */
#include "directory/resolve.h"

#include "base/buffer.h"
#include "resolve_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FILE_BYTES = 1 << 20 };

/* A snapshot of these two files, with the accounts alice and bob at example.com. */
static struct snapshot *load(struct volume *volume, const char *aliases,
                             const char *patterns)
{
    struct error error = {0};
    volume_begin(volume);
    volume_write(volume, "postfix-accounts.cf", "alice@example.com|x\nbob@example.com|x\n");
    volume_write(volume, "postfix-virtual.cf", aliases);
    volume_write(volume, "postfix-regexp.cf", patterns);
    struct snapshot *snapshot = dms_load(&volume->settings, NULL, &error);
    assert_non_null(snapshot);
    volume_end(volume);
    return snapshot;
}

static void tells_class_mailbox_and_path(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot =
        load(&volume,
             "team@example.com  nested@example.com, Bob+x@Example.com, out@remote.test\n"
             "nested@example.com alice@example.com, ghost@example.com\n"
             "alice@example.com alice@example.com\n"
             "@alias.example    @example.com\n"
             "sys@example.com   devnull\n"
             "devnull           root, far%remote.test@localhost\n",
             "/^re(.*)@example\\.com$/ alice+$1@example.com\n/^closed\\.test$/ x\n");

    static const struct {
        const char *typed;
        enum expansion_status status;
        enum recipient_class domain_class;
        const char *want;
    } cases[] = {
        {"alice@example.com", EXPANSION_OK, CLASS_MAILBOX,
         "mailbox alice@example.com alice@example.com < alice@example.com(exact)"},
        {"BOB+Tag@example.com", EXPANSION_OK, CLASS_MAILBOX,
         "mailbox bob@example.com BOB+Tag@example.com"},
        {"Team@example.com", EXPANSION_OK, CLASS_MAILBOX,
         "mailbox alice@example.com alice@example.com < Team@example.com(exact) < "
         "nested@example.com(exact) < alice@example.com(exact); "
         "mailbox bob@example.com Bob+x@Example.com < Team@example.com(exact); "
         "external - out@remote.test < Team@example.com(exact); "
         "unknown - ghost@example.com < Team@example.com(exact) < "
         "nested@example.com(exact)"},
        {"bob+t@alias.example", EXPANSION_OK, CLASS_MAILBOX,
         "mailbox bob@example.com bob+t@example.com < bob+t@alias.example(catch-all)"},
        {"re7@example.com", EXPANSION_OK, CLASS_MAILBOX,
         "mailbox alice@example.com alice+7@example.com < re7@example.com(pattern) < "
         "alice+7@example.com(base)"},
        {"sys+t@example.com", EXPANSION_OK, CLASS_MAILBOX,
         "local - root+t@mail.example.test < sys+t@example.com(base) < "
         "devnull+t@mail.example.test(base); "
         "unknown - far@remote.test+t < sys+t@example.com(base) < "
         "devnull+t@mail.example.test(base)"},
        {"devnull@localhost", EXPANSION_OK, CLASS_LOCAL,
         "local - root@mail.example.test < devnull@localhost(bare); "
         "external - far@remote.test < devnull@localhost(bare)"},
        {"root+x@localhost", EXPANSION_OK, CLASS_LOCAL, "local - root+x@localhost"},
        {"double-bounce@MAIL.example.test", EXPANSION_OK, CLASS_LOCAL,
         "local - double-bounce@mail.example.test"},
        {"nobody@localhost", EXPANSION_UNKNOWN, CLASS_LOCAL, ""},
        {"nobody@example.com", EXPANSION_UNKNOWN, CLASS_MAILBOX, ""},
        {"any@closed.test", EXPANSION_UNKNOWN, CLASS_MAILBOX, ""},
        {"any@remote.test", EXPANSION_RELAY, CLASS_EXTERNAL, "external - any@remote.test"},
        {"<>", EXPANSION_UNKNOWN, CLASS_UNKNOWN, ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const struct expansion *expansion =
            resolve_text(arena, cases[i].typed, snapshot, &volume);
        const char *got = describe_paths(arena, expansion);
        if (strcmp(got, cases[i].want) != 0 || expansion->status != cases[i].status ||
            expansion->domain_class != cases[i].domain_class) {
            fail_msg("%s: %s, %s\n    got  %s\n    want %s", cases[i].typed,
                     expansion_status_name(expansion->status),
                     recipient_class_name(expansion->domain_class), got, cases[i].want);
        }
        arena_free(&arena);
    }
    snapshot_release(&snapshot);
}

/* A list of so many targets; a chain of so many aliases that ends at alice. */
static void write_list(struct buffer *aliases, int count)
{
    buffer_append_format(aliases, "list%d@example.com ", count);
    for (int i = 0; i < count; i++) {
        buffer_append_format(aliases, "m%d@remote.test,", i);
    }
    buffer_append_text(aliases, "\n");
}

static void write_chain(struct buffer *aliases, int count)
{
    for (int i = count; i > 0; i--) {
        buffer_append_format(aliases, "chain%d-%d@example.com ", count, i);
        if (i > 1) {
            buffer_append_format(aliases, "chain%d-%d@example.com\n", count, i - 1);
        } else {
            buffer_append_text(aliases, "alice@example.com\n");
        }
    }
}

static void write_long(struct buffer *aliases, int length)
{
    buffer_append_format(aliases, "long%d@example.com ", length);
    for (int i = (int)strlen("@remote.test"); i < length; i++) {
        buffer_append_text(aliases, "x");
    }
    buffer_append_text(aliases, "@remote.test\n");
}

static void keeps_postfix_limits(void **state)
{
    (void)state;
    struct buffer aliases;
    buffer_init(&aliases, FILE_BYTES);
    write_list(&aliases, 1000);
    write_list(&aliases, 1001);
    write_chain(&aliases, 999);
    write_chain(&aliases, 1000);
    write_chain(&aliases, 1001);
    write_long(&aliases, 1000);
    write_long(&aliases, 1001);
    buffer_append_text(
        &aliases, "twice@example.com list1000@example.com,bob@example.com\n"
                  "same@example.com same@example.com\n"
                  "round@example.com more@example.com,bob@example.com\n"
                  "more@example.com round@example.com,bob@example.com\n"
                  "grow@example.com grow+x@example.com\n"
                  "wide@example.com wide@example.com,x@remote.test,wide@example.com\n");
    struct volume volume;
    struct snapshot *snapshot = load(&volume, aliases.data, "/^empty@example/\n");

    static const struct {
        const char *typed;
        enum expansion_fault fault;
        size_t count;
    } cases[] = {
        {"list1000@example.com", FAULT_NONE, 1000},
        {"list1001@example.com", FAULT_SIZE, 0},
        {"twice@example.com", FAULT_SIZE, 0},
        {"chain999-999@example.com", FAULT_NONE, 1},
        {"chain1000-1000@example.com", FAULT_LOOP, 0},
        {"chain1001-1001@example.com", FAULT_LOOP, 0},
        {"chain1001-999@example.com", FAULT_NONE, 1},
        {"long1000@example.com", FAULT_NONE, 1},
        {"long1000+t@example.com", FAULT_SIZE, 0},
        {"long1001@example.com", FAULT_SIZE, 0},
        {"same@example.com", FAULT_NONE, 1},
        {"round@example.com", FAULT_LOOP, 0},
        {"grow@example.com", FAULT_SIZE, 0},
        {"wide@example.com", FAULT_NONE, 2},
        {"empty@example.com", FAULT_TABLE, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const struct expansion *expansion =
            resolve_text(arena, cases[i].typed, snapshot, &volume);
        if (expansion->fault != cases[i].fault ||
            expansion->recipient_count != cases[i].count) {
            fail_msg("%s: %s, %zu recipients", cases[i].typed,
                     expansion_fault_name(expansion->fault), expansion->recipient_count);
        }
        assert_int_equal(expansion->status == EXPANSION_ERROR,
                         cases[i].fault != FAULT_NONE);
        assert_int_equal(expansion->fault_reason != NULL, cases[i].fault != FAULT_NONE);
        arena_free(&arena);
    }
    snapshot_release(&snapshot);
    buffer_deinit(&aliases);
}

/* 1000 members that go 998 steps each: Postfix takes a million, we stop before. */
static void is_bounded(void **state)
{
    (void)state;
    struct buffer aliases;
    buffer_init(&aliases, FILE_BYTES);
    write_chain(&aliases, 998);
    buffer_append_text(&aliases, "wide@example.com ");
    for (int i = 0; i < 1000; i++) {
        buffer_append_format(&aliases, "chain998-998+%d@example.com,", i);
    }
    buffer_append_text(&aliases, "\n");
    struct volume volume;
    struct snapshot *snapshot = load(&volume, aliases.data, "");
    struct arena *arena = arena_new();
    const struct expansion *expansion =
        resolve_text(arena, "wide@example.com", snapshot, &volume);
    assert_int_equal(expansion->fault, FAULT_DEPTH);
    assert_true(arena_used(arena) < (size_t)16 << 20);
    arena_free(&arena);
    snapshot_release(&snapshot);
    buffer_deinit(&aliases);
}

static void a_failed_source_is_no_answer(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(
        &volume, "team@example.com bob@example.com,x@remote.test\n", "/^re@/ x@y.test\n");
    assert_true(fail_each_question("team+t@example.com", snapshot, &volume) > 10);
    snapshot_release(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_class_mailbox_and_path),
        cmocka_unit_test(keeps_postfix_limits),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(a_failed_source_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
