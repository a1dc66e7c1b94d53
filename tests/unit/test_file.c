/* SPDX-License-Identifier: MIT */
#include "directory/file.h"

#include "volume.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

struct place {
    struct volume volume;
    char path[512];
};

static void place_begin(struct place *place)
{
    volume_begin(&place->volume);
    snprintf(place->path, sizeof place->path, "%s/file", place->volume.path);
}

static void write_text(const struct place *place, const char *text)
{
    volume_write(&place->volume, "file", text);
}

/* Seconds ago, so that nothing about the file is fresh but its inode's time of change. */
static void set_age(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[1].tv_sec -= seconds;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void digest_is_that_of_the_content(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    uint64_t missing = file_digest(place.path, &watch);
    assert_true(missing == file_digest(place.path, &watch));
    write_text(&place, "");
    uint64_t empty = file_digest(place.path, &watch);
    assert_true(empty != missing);
    write_text(&place, "one\n");
    uint64_t one = file_digest(place.path, &watch);
    assert_true(one != empty);
    write_text(&place, "two\n"); /* as long */
    assert_true(file_digest(place.path, &watch) != one);
    write_text(&place, "one\n");
    assert_true(file_digest(place.path, &watch) == one);
    set_age(place.path, 100000);
    assert_true(file_digest(place.path, &watch) == one);
    set_age(place.path, -100000);
    assert_true(file_digest(place.path, &watch) == one);
    struct file_state anew = {0};
    assert_true(file_digest(place.path, &anew) == one);
    assert_int_equal(unlink(place.path), 0);
    assert_true(file_digest(place.path, &watch) == missing);
    volume_end(&place.volume);
}

/* A change that leaves size and mtime as they were, as `cp -p` over a file and rsync do. */
static void sees_what_size_and_mtime_hide(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    struct stat before;
    place_begin(&place);
    write_text(&place, "one\n");
    set_age(place.path, 100000);
    uint64_t one = file_digest(place.path, &watch);
    assert_int_equal(stat(place.path, &before), 0);
    write_text(&place, "two\n");
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, place.path, times, 0), 0);
    assert_true(file_digest(place.path, &watch) != one);
    volume_end(&place.volume);
}

/* What was looked at long ago is read again even if stat says that it is the same. */
static void does_not_trust_for_ever(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    write_text(&place, "one\n");
    uint64_t one = file_digest(place.path, &watch);
    /* As if an hour had gone since the change, and only seconds since the look at it. */
    watch.may_be_racing = false;
    watch.digest = 42;
    assert_true(file_digest(place.path, &watch) == 42);
    watch.may_be_racing = true;
    assert_true(file_digest(place.path, &watch) == one);
    watch.may_be_racing = false;
    watch.digest = 42;
    watch.read_ms -= FILE_REREAD_MS;
    assert_true(file_digest(place.path, &watch) == one);
    volume_end(&place.volume);
}

/* Just changed: the file may change again within one tick of its clock. */
static void knows_when_a_change_could_hide(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    write_text(&place, "one\n");
    file_digest(place.path, &watch);
    assert_true(watch.may_be_racing); /* by ctime, which nobody can set */
    assert_int_equal(unlink(place.path), 0);
    file_digest(place.path, &watch);
    assert_false(watch.is_known);
    volume_end(&place.volume);
}

static void says_how_a_file_ends(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        enum file_end end;
    } cases[] = {{"", FILE_END_NOTHING},
                 {"\n", FILE_END_LINE},
                 {"a", FILE_END_OPEN},
                 {"a\nb", FILE_END_OPEN},
                 {"a\r\nb\r\n", FILE_END_LINE}};

    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(&place, cases[i].text);
        file_digest(place.path, &watch);
        assert_int_equal(watch.end, cases[i].end);
    }
    assert_int_equal(unlink(place.path), 0);
    file_digest(place.path, &watch);
    assert_int_equal(watch.end, FILE_END_NOTHING);
    volume_end(&place.volume);
}

/* A clock that is wrong, or a time that somebody made up. */
static void tells_what_changed_just_now(void **state)
{
    (void)state;

    static const struct {
        time_t age;
        bool is_near;
    } cases[] = {{0, true},
                 {100, false},
                 {-100, false},
                 {INT64_C(1) << 40, false},
                 {-(INT64_C(1) << 40), false}};

    struct place place;
    place_begin(&place);
    write_text(&place, "one\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file_state watch = {0};
        set_age(place.path, cases[i].age);
        file_digest(place.path, &watch);
        assert_int_equal(file_changed_within(&watch, 50000), cases[i].is_near);
    }
    /* Not every file system keeps these. */
    struct file_state watch = {.is_known = true};
    watch.known.st_mtim.tv_sec = INT64_MAX;
    assert_false(file_changed_within(&watch, 50000));
    watch.known.st_mtim.tv_sec = INT64_MIN;
    assert_false(file_changed_within(&watch, 50000));
    volume_end(&place.volume);
}

static void digests_what_is_no_text_file(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    uint64_t missing = file_digest(place.path, &watch);
    assert_int_equal(mkdir(place.path, 0700), 0);
    uint64_t folder = file_digest(place.path, &watch);
    assert_true(folder != missing);
    assert_int_equal(rmdir(place.path), 0);
    assert_int_equal(mkfifo(place.path, 0600), 0);
    assert_true(file_digest(place.path, &watch) == folder); /* the same complaint */
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(symlink("nowhere", place.path), 0);
    assert_true(file_digest(place.path, &watch) == missing);
    assert_int_equal(unlink(place.path), 0);
    write_text(&place, "x");
    assert_int_equal(truncate(place.path, (off_t)FILE_BYTES_MAX + 1), 0);
    assert_true(file_digest(place.path, &watch) != missing);
    assert_true(file_digest(place.path, &watch) != folder);
    volume_end(&place.volume);
}

/* A symbolic link whose target is replaced, as Kubernetes mounts do it. */
static void follows_links(void **state)
{
    (void)state;
    struct place place;
    struct file_state watch = {0};
    place_begin(&place);
    volume_write(&place.volume, "a", "one\n");
    volume_write(&place.volume, "b", "two\n");
    assert_int_equal(symlink("a", place.path), 0);
    uint64_t one = file_digest(place.path, &watch);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(symlink("b", place.path), 0);
    assert_true(file_digest(place.path, &watch) != one);
    volume_end(&place.volume);
}

static void opens_and_notices_changes(void **state)
{
    (void)state;
    struct place place;
    struct file file;
    struct error error = {0};
    place_begin(&place);
    assert_true(file_open(place.path, &file, &error));
    assert_null(file.stream);
    assert_true(file_close(&file));

    write_text(&place, "one\n");
    assert_true(file_open(place.path, &file, &error));
    assert_non_null(file.stream);
    assert_true(file_close(&file));
    assert_null(file.stream);

    assert_true(file_open(place.path, &file, &error));
    write_text(&place, "longer\n");
    assert_false(file_close(&file));

    /* Renamed over: what is read is one state of the old file. */
    char fresh[512];
    char text[16] = "";
    snprintf(fresh, sizeof fresh, "%s/fresh", place.volume.path);
    assert_true(file_open(place.path, &file, &error));
    volume_write(&place.volume, "fresh", "two\n");
    assert_int_equal(rename(fresh, place.path), 0);
    assert_non_null(fgets(text, sizeof text, file.stream));
    assert_string_equal(text, "longer\n");
    file_close(&file);
    volume_end(&place.volume);
}

static void reads_whole_texts(void **state)
{
    (void)state;
    struct place place;
    struct arena *arena = arena_new();
    struct error error = {0};
    place_begin(&place);
    assert_null(file_read_text(arena, place.path, &error));
    assert_non_null(strstr(error.text, "does not exist"));
    write_text(&place, "");
    assert_string_equal(file_read_text(arena, place.path, &error), "");
    write_text(&place, "a\r\nb");
    assert_string_equal(file_read_text(arena, place.path, &error), "a\r\nb");
    volume_write_bytes(&place.volume, "file", "a\nb\0c", 5);
    assert_null(file_read_text(arena, place.path, &error));
    assert_non_null(strstr(error.text, "line 2 holds a NUL byte"));
    assert_null(file_read_text(arena, place.volume.path, &error));
    assert_non_null(strstr(error.text, "is not a regular file"));
    arena_free(&arena);
    volume_end(&place.volume);
}

/* Root may read everything, so that this shows only to others. */
static void tells_why_a_file_cannot_be_opened(void **state)
{
    (void)state;
    struct place place;
    struct file file;
    struct error error = {0};
    struct file_state watch = {0};
    place_begin(&place);
    write_text(&place, "one\n");
    uint64_t one = file_digest(place.path, &watch);
    assert_int_equal(chmod(place.path, 0), 0);
    bool is_root = geteuid() == 0;
    assert_int_equal(is_root, seteuid(65534) == 0);
    if (file_open(place.path, &file, &error)) {
        fail_msg("opened what nobody may read");
    }
    assert_non_null(strstr(error.text, "make it readable for Foregate's user"));
    assert_true(file_digest(place.path, &watch) != one);
    assert_int_equal(is_root, seteuid(0) == 0);
    assert_int_equal(chmod(place.path, 0600), 0);
    assert_true(file_digest(place.path, &watch) == one);
    volume_end(&place.volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_is_that_of_the_content),
        cmocka_unit_test(sees_what_size_and_mtime_hide),
        cmocka_unit_test(does_not_trust_for_ever),
        cmocka_unit_test(knows_when_a_change_could_hide),
        cmocka_unit_test(says_how_a_file_ends),
        cmocka_unit_test(tells_what_changed_just_now),
        cmocka_unit_test(digests_what_is_no_text_file),
        cmocka_unit_test(follows_links),
        cmocka_unit_test(opens_and_notices_changes),
        cmocka_unit_test(reads_whole_texts),
        cmocka_unit_test(tells_why_a_file_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
