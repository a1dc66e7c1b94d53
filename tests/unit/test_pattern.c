/* SPDX-License-Identifier: MIT */
#include "directory/pattern.h"

#include "text_stream.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct pattern_table *parse(struct arena *arena, const char *text,
                                   struct finding_list *findings)
{
    struct pattern_table *table;
    struct error error = {0};
    FILE *stream = text_stream(text);
    assert_true(
        pattern_table_parse(arena, stream, "postfix-regexp.cf", findings, &table, &error));
    fclose(stream);
    return table;
}

/* The result in braces, `-` when no rule matches, `!` when it cannot be told. */
static const char *look_up(struct arena *arena, const char *input, const char *address,
                           struct finding_list *findings)
{
    struct pattern_table *table = parse(arena, input, findings);
    struct answer answer = pattern_table_find(table, address, arena);
    pattern_table_deinit(table);
    if (answer.kind == ANSWER_FAILED) {
        assert_non_null(answer.reason);
        return "!";
    }
    return answer.kind == ANSWER_FOUND ? arena_format(arena, "{%s}", answer.value) : "-";
}

static void matches_as_postfix(void **state)
{
    (void)state;

    static const struct {
        const char *input, *address, *want;
    } cases[] = {
        {"", "a@b", "-"},
        {"/a/ x\n", "A@b", "{x}"},
        {"/a/i x\n", "A@b", "-"},
        {"/a/ii x\n", "A@b", "{x}"},
        {"/a@b/ x\n/a/ y\n", "a@b", "{x}"},
        {"/^b/ x\n/a/ y\n", "a@b", "{y}"},
        {"!/c/ x\n", "a@b", "{x}"},
        {"!!/c/ x\n", "a@b", "-"},
        {"! ! /a/ x\n", "a@b", "{x}"},
        {"|a/b| x\n", "a/b@c", "{x}"},
        {"/a\\/b/ x\n", "a/b@c", "{x}"},
        {"/a\\.b/ x\n", "axb", "-"},
        {"/^a . b$/x x\n", "acb", "{x}"},
        {"/b/A x\n", "ab", "-"},
        {"/(a+)/U $1\n", "aaa", "{a}"},
        {"/(a+)/ $1\n", "aaa", "{aaa}"},
        {"/a/X x\n", "a", "{x}"},
        {"/^(.*)@(.*)$/ ${2}.${1}\n", "Me@There", "{There.Me}"},
        {"/^(.)/ $(1)-$$1\n", "Me", "{M-$1}"},
        {"/^(.)(z)?/ <$2>\n", "Me", "{<>}"},
        {"/a/ $$$$\n", "a", "{$$}"},
        {"/a/ x $\n", "a", "-"},
        {"/a/ ${1\n", "a", "-"},
        {"/(a)/ ${}\n", "a", "-"},
        {"/(a)/ $2\n", "a", "-"},
        {"/(a)/ $0\n", "a", "-"},
        {"/(a)/ $99999999999999999999\n", "a", "-"},
        {"/(a)/ $1b\n", "a", "-"},
        {"/(a)/ ${01}b\n", "a", "{ab}"},
        {"!/(b)/ $1\n", "a", "-"},
        {"/a/\n", "a", "{}"},
        {"/a x\n", "a", "-"},
        {"/(/ x\n", "(", "-"},
        {"/a/q x\n", "a", "-"},
        {"a x\n/a/ y\n", "a", "{y}"},
        {"endif\n/a/ y\n", "a", "{y}"},
        {"if /a/\n/b/ x\nendif\n/b/ y\n", "ab", "{x}"},
        {"if /a/\n/b/ x\nendif\n/b/ y\n", "b", "{y}"},
        {"IF !/a/\n/b/ x\nEndIf\n/b/ y\n", "ab", "{y}"},
        {"if /a/\nif /b/\n/c/ x\nendif\n/c/ y\nendif\n/c/ z\n", "abc", "{x}"},
        {"if /a/\nif /b/\n/c/ x\nendif\n/c/ y\nendif\n/c/ z\n", "ac", "{y}"},
        {"if /a/\nif /b/\n/c/ x\nendif\n/c/ y\nendif\n/c/ z\n", "c", "{z}"},
        {"if /a/\n/c/ x\n", "c", "-"},
        {"if /a/ /b/ x\n/c/ y\nendif\n", "abc", "{y}"},
        {"if/a/\n/c/ x\nendif\n", "c", "-"},
        {"iffy /a/\n/c/ x\n", "c", "{x}"},
        {"/a/ x,\n  y\n", "a", "{x,  y}"},
        {" /a/ x\n/a/ y\n", "a", "{y}"},
        {"/a/ x\r\n", "a", "{x}"},
        {"\\a\\ x\n", "a", "-"},
        {"/a.b/ x\n", "a\nb", "{x}"},
        {"/^b$/m x\n", "a\nb", "{x}"},
        {"/(*UTF)a/ x\n", "\xff", "!"},
        {"/^(a|a)*$/ x\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "!"},
        {"/^(?:(a+)+)+$/ x\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "!"},
        {"!/^(?:(a+)+)+$/ x\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "!"},
        {"/(?R)/ x\n", "a", "!"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const char *got = look_up(arena, cases[i].input, cases[i].address, NULL);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s of %s\n    got  %s\n    want %s", cases[i].address, cases[i].input,
                     got, cases[i].want);
        }
        arena_free(&arena);
    }
}

static void reports_what_is_skipped(void **state)
{
    (void)state;

    static const struct {
        const char *input, *code;
        int line;
        enum finding_severity severity;
    } cases[] = {
        {"/a/ x\n/(/ x\n", "bad-pattern", 2, FINDING_ERROR},
        {"/a\n", "open-pattern", 1, FINDING_ERROR},
        {"!\n", "no-pattern", 1, FINDING_ERROR},
        {"word x\n", "no-pattern", 1, FINDING_ERROR},
        {"/a/Q x\n", "unknown-flag", 1, FINDING_ERROR},
        {"/(a)/ $2\n", "bad-reference", 1, FINDING_ERROR},
        {"!/(a)/ $1\n", "bad-reference", 1, FINDING_ERROR},
        {"/a/\n", "empty-result", 1, FINDING_ERROR},
        {"/a/ x #y\n", "comment-in-value", 1, FINDING_ERROR},
        {"endif\n", "stray-endif", 1, FINDING_WARNING},
        {"# x\nif /a/\n", "open-if", 2, FINDING_WARNING},
        {"if /a/ x\nendif\n", "text-behind-if", 1, FINDING_WARNING},
        {"\n /a/ x\n", "indented-line", 2, FINDING_ERROR},
        {"/a/i x\n", "case-sensitive-pattern", 1, FINDING_WARNING},
        {"if /(?s-i)a/\nendif\n", "case-sensitive-pattern", 1, FINDING_WARNING},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        look_up(arena, cases[i].input, "z", &findings);
        if (findings.count != 1 || strcmp(findings.entries[0].code, cases[i].code) != 0 ||
            findings.entries[0].line != cases[i].line) {
            fail_msg("%s: %zu findings, first %s", cases[i].input, findings.count,
                     findings.count > 0 ? findings.entries[0].code : "none");
        }
        assert_int_equal(findings.entries[0].severity, cases[i].severity);
        arena_free(&arena);
    }
}

static void gives_up_soon(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    char *address = arena_alloc(arena, 2001);
    memset(address, 'a', 1999);
    address[1999] = 'b';
    assert_string_equal(look_up(arena, "/^(a+)+$/ x\n", address, NULL), "!");
    assert_string_equal(look_up(arena, "/^(a|aa)+$/ x\n", address, NULL), "!");
    clock_gettime(CLOCK_MONOTONIC, &end);
    /* Ten times what a slow machine with sanitizers takes. */
    assert_true(end.tv_sec - begin.tv_sec < 5);
    arena_free(&arena);
}

static void *look_up_often(void *context)
{
    const struct pattern_table *table = context;
    intptr_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        struct arena *arena = arena_new();
        const char *address = arena_format(arena, "user%d@example.com", i);
        struct answer answer = pattern_table_find(table, address, arena);
        const char *want = arena_format(arena, "box%d@example.net", i);
        wrong += answer.kind != ANSWER_FOUND || strcmp(answer.value, want) != 0;
        arena_free(&arena);
    }
    return (void *)wrong;
}

static void is_shared_by_threads(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    char content[] = "/^other/ x\n/^user(\\d+)@/ box$(1)@example.net\n";
    struct pattern_table *table = parse(arena, content, NULL);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_often, table), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(pattern_table_count(table), 2);
    pattern_table_deinit(table);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_postfix),
        cmocka_unit_test(reports_what_is_skipped),
        cmocka_unit_test(gives_up_soon),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
