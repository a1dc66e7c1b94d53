/* SPDX-License-Identifier: MIT */
/* The file of records: rotation, by us and by others, and disks that take nothing. */
#include "record_fixture.h"
#include "volume.h"

#include "base/counter.h"
#include "base/log.h"
#include "record/journal.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLUSH_MS = 20000 };

struct place {
    struct volume volume;
    struct arena *arena;
    struct journal *journal;
    struct record *record;
    char path[512];
    size_t line_bytes;
};

static void open_journal(struct place *place, int64_t size_bytes, int files)
{
    struct error error = {0};
    const struct journal_settings settings = {
        .path = place->path, .size_bytes = size_bytes, .files = files};
    place->journal = journal_open(&settings, &error);
    if (place->journal == NULL) {
        fail_msg("%s", error.text);
    }
}

static void place_begin(struct place *place)
{
    struct buffer line;
    *place = (struct place){0};
    buffer_init(&line, RECORD_LINE_BYTES);
    volume_begin(&place->volume);
    snprintf(place->path, sizeof place->path, "%s/record", place->volume.path);
    place->arena = arena_new();
    place->record = record_make(place->arena, NULL, 0);
    record_write(place->record, &line);
    place->line_bytes = line.length;
    buffer_deinit(&line);
    log_configure(LOG_NONE, LOG_FORMAT_TEXT);
}

static void place_end(struct place *place)
{
    journal_close(&place->journal);
    arena_free(&place->arena);
    volume_end(&place->volume);
}

static void write_lines(struct place *place, int count)
{
    for (int i = 0; i < count; i++) {
        journal_write(place->journal, place->record);
    }
    assert_true(journal_flush(place->journal, FLUSH_MS));
}

/* Lines in path, path.1 and so on (number 0: path), -1: no such file. All of them are whole
 * records, unless broken says how many are not. */
static int count_lines(const struct place *place, int number, int broken)
{
    char name[600];
    snprintf(name, sizeof name, number > 0 ? "%s.%d" : "%s", place->path, number);
    FILE *stream = fopen(name, "re");
    if (stream == NULL) {
        return -1;
    }
    char *line = NULL;
    size_t size = 0;
    int count = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stream)) > 0) {
        struct arena *arena = arena_new();
        struct record record;
        struct error error;
        count++;
        broken -= record_read(arena, line, (size_t)length, &record, &error) != RECORD_READ;
        arena_free(&arena);
    }
    assert_int_equal(broken, 0);
    free(line);
    fclose(stream);
    return count;
}

static void test_rotation(void **unused)
{
    (void)unused;

    static const struct {
        int files, lines;
        int want[4]; /* in each file */
    } cases[] = {
        {3, 3, {3, -1, -1, -1}}, {3, 4, {1, 3, -1, -1}},  {3, 8, {2, 3, 3, -1}},
        {3, 20, {2, 3, 3, -1}},  {1, 8, {2, -1, -1, -1}}, {2, 7, {1, 3, -1, -1}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place place;
        place_begin(&place);
        open_journal(&place, (int64_t)place.line_bytes * 3 + 1, cases[i].files);
        write_lines(&place, cases[i].lines);
        for (int j = 0; j < 4; j++) {
            assert_int_equal(count_lines(&place, j, 0), cases[i].want[j]);
        }
        struct stat status;
        assert_int_equal(stat(place.path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        place_end(&place);
    }
}

/* A line longer than a file may be has one of its own. */
static void test_larger_than_file(void **unused)
{
    (void)unused;
    struct place place;
    place_begin(&place);
    open_journal(&place, 10, 3);
    write_lines(&place, 2);
    assert_int_equal(count_lines(&place, 0, 0), 1);
    assert_int_equal(count_lines(&place, 1, 0), 1);
    place_end(&place);
}

/* logrotate, or somebody with rm. */
static void test_others(void **unused)
{
    (void)unused;
    struct place place;
    char aside[600];
    place_begin(&place);
    open_journal(&place, 1 << 20, 3);
    write_lines(&place, 2);
    snprintf(aside, sizeof aside, "%s.9", place.path);
    assert_int_equal(rename(place.path, aside), 0);
    write_lines(&place, 1);
    assert_int_equal(count_lines(&place, 0, 0), 1);
    assert_int_equal(count_lines(&place, 9, 0), 2);
    assert_int_equal(unlink(place.path), 0);
    write_lines(&place, 3);
    assert_int_equal(count_lines(&place, 0, 0), 3);
    place_end(&place);
}

/* What a crash left stays one line. */
static void test_cut_line(void **unused)
{
    (void)unused;
    struct place place;
    place_begin(&place);
    volume_write(&place.volume, "record", "{\"foregate\":1,\"tim");
    open_journal(&place, 1 << 20, 3);
    write_lines(&place, 2);
    assert_int_equal(count_lines(&place, 0, 1), 3);
    place_end(&place);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk takes two and a half lines; then there is room again. */
static void test_full_disk(void **unused)
{
    (void)unused;
    struct place place;
    place_begin(&place);
    signal(SIGXFSZ, SIG_IGN);
    int64_t lost = counter_get(COUNTER_RECORD_LOST);
    open_journal(&place, 1 << 20, 3);
    limit_file_size(place.line_bytes * 5 / 2);
    write_lines(&place, 5);
    assert_int_equal(counter_get(COUNTER_RECORD_LOST) - lost, 3);
    assert_int_equal(count_lines(&place, 0, 0), 2);
    limit_file_size(RLIM_INFINITY);
    write_lines(&place, 2);
    assert_int_equal(counter_get(COUNTER_RECORD_LOST) - lost, 3);
    assert_int_equal(count_lines(&place, 0, 0), 4);
    place_end(&place);
}

/* A folder in the place of the file. */
static void test_in_the_way(void **unused)
{
    (void)unused;
    struct place place;
    place_begin(&place);
    int64_t lost = counter_get(COUNTER_RECORD_LOST);
    open_journal(&place, 1 << 20, 3);
    write_lines(&place, 1);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(mkdir(place.path, 0700), 0);
    write_lines(&place, 2);
    assert_int_equal(counter_get(COUNTER_RECORD_LOST) - lost, 2);
    assert_int_equal(rmdir(place.path), 0);
    write_lines(&place, 1);
    assert_int_equal(count_lines(&place, 0, 0), 1);
    place_end(&place);
}

static void test_cannot_open(void **unused)
{
    (void)unused;
    struct place place;
    place_begin(&place);
    char missing[600];
    char pipe[600];
    snprintf(missing, sizeof missing, "%s/no/such", place.volume.path);
    snprintf(pipe, sizeof pipe, "%s/pipe", place.volume.path);
    assert_int_equal(mkfifo(pipe, 0600), 0);

    const struct {
        const char *path, *reason;
    } cases[] = {
        {missing, "No such file"},
        {place.volume.path, "Is a directory"},
        {"/dev/full", "no regular file"},
        {pipe, "no regular file"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        const struct journal_settings settings = {
            .path = cases[i].path, .size_bytes = 1 << 20, .files = 2};
        assert_null(journal_open(&settings, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        if (strstr(error.text, cases[i].reason) == NULL ||
            strstr(error.text, cases[i].path) == NULL) {
            fail_msg("%s: %s", cases[i].path, error.text);
        }
    }
    place_end(&place);
}

enum { WRITERS = 4, LINES_EACH = 200 };

static void *write_many(void *argument)
{
    struct place *place = argument;
    for (int i = 0; i < LINES_EACH; i++) {
        journal_write(place->journal, place->record);
    }
    return NULL;
}

static void test_threads(void **unused)
{
    (void)unused;
    struct place place;
    pthread_t threads[WRITERS];
    place_begin(&place);
    open_journal(&place, 1 << 30, 2);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &place), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(journal_flush(place.journal, FLUSH_MS));
    assert_int_equal(count_lines(&place, 0, 0), WRITERS * LINES_EACH);
    place_end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),    cmocka_unit_test(test_larger_than_file),
        cmocka_unit_test(test_others),      cmocka_unit_test(test_cut_line),
        cmocka_unit_test(test_full_disk),   cmocka_unit_test(test_in_the_way),
        cmocka_unit_test(test_cannot_open), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
