/* SPDX-License-Identifier: MIT */
#include "reload/watch.h"

#include "volume.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

enum { QUIET_MS = 1000 };

struct place {
    struct volume volume; /* a folder, with the folder `own` in it */
    struct config *config;
    struct watch *watch;
};

static void set(struct place *place, const char *name, const char *value)
{
    char assignment[1024];
    struct error error;
    snprintf(assignment, sizeof assignment, "%s=%s", name, value);
    assert_true(config_override(place->config, assignment, &error));
}

static char *path_of(const struct place *place, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", place->volume.path, name);
    return path;
}

static void place_begin(struct place *place)
{
    char folders[600];
    volume_begin(&place->volume);
    assert_int_equal(mkdir(path_of(place, "own"), 0700), 0);
    place->config = config_new();
    set(place, "rules", "one two");
    snprintf(folders, sizeof folders, "%s %s/own", place->volume.path, place->volume.path);
    set(place, "rules.path", folders);
    set(place, "dms.settings", path_of(place, "settings"));
    place->watch = watch_new();
    watch_follow(place->watch, place->config);
}

static void place_end(struct place *place)
{
    watch_free(&place->watch);
    config_free(&place->config);
    volume_end(&place->volume);
}

static void remove_file(const struct place *place, const char *name)
{
    assert_int_equal(unlink(path_of(place, name)), 0);
}

/* Seconds ago, so that nobody seems to be writing it. */
static void set_age(const struct place *place, const char *name, time_t seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[1].tv_sec -= seconds;
    assert_int_equal(utimensat(AT_FDCWD, path_of(place, name), times, 0), 0);
}

static bool is_disturbed(const struct place *place)
{
    watch_look(place->watch);
    return watch_is_disturbed(place->watch);
}

static void contents_of_the_files_that_count_are_seen(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        bool counts;
    } files[] = {
        {"one.lua", true},        {"own/one.lua", true}, {"own/two.lua", true},
        {"settings", true},       {"three.lua", false},  {"one.lua~", false},
        {"own/three.lua", false},
    };
    struct place place;
    place_begin(&place);
    uint64_t nothing = watch_look(place.watch);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        volume_write(&place.volume, files[i].name, "abc\n");
        uint64_t first = watch_look(place.watch);
        volume_write(&place.volume, files[i].name, "xyz\n");
        uint64_t second = watch_look(place.watch);
        volume_write(&place.volume, files[i].name, "abc\n");
        if (files[i].counts != (first != nothing && second != first) ||
            watch_look(place.watch) != first) {
            fail_msg("%s", files[i].name);
        }
        remove_file(&place, files[i].name);
        assert_true(watch_look(place.watch) == nothing);
    }
    place_end(&place);
}

static void other_files_are_followed(void **state)
{
    (void)state;
    struct place place;
    place_begin(&place);
    volume_write(&place.volume, "one.lua", "abc\n");
    watch_look(place.watch);
    watch_mark(place.watch);
    set(&place, "rules", "one three");
    watch_follow(place.watch, place.config);
    assert_false(is_disturbed(&place));
    volume_write(&place.volume, "two.lua", "abc\n");
    assert_false(is_disturbed(&place));
    volume_write(&place.volume, "three.lua", "abc\n");
    assert_true(is_disturbed(&place));
    place_end(&place);
}

/* What is as it was leaves no trace in its content. */
static void a_change_for_a_moment_is_seen(void **state)
{
    (void)state;
    struct place place;
    place_begin(&place);
    volume_write(&place.volume, "one.lua", "abc\n");
    set_age(&place, "one.lua", 100);
    uint64_t before = watch_look(place.watch);
    watch_mark(place.watch);
    assert_false(is_disturbed(&place));
    volume_write(&place.volume, "one.lua", "xyz\n");
    volume_write(&place.volume, "one.lua", "abc\n");
    assert_true(is_disturbed(&place));
    assert_true(watch_look(place.watch) == before);
    watch_mark(place.watch);
    assert_false(is_disturbed(&place));
    place_end(&place);
}

static void a_file_that_is_being_written_is_not_settled(void **state)
{
    (void)state;
    struct place place;
    place_begin(&place);
    watch_look(place.watch);
    assert_true(watch_is_settled(place.watch, QUIET_MS));
    volume_write(&place.volume, "own/two.lua", "return {\n}\n");
    watch_look(place.watch);
    assert_false(watch_is_settled(place.watch, QUIET_MS));
    set_age(&place, "own/two.lua", 100);
    watch_look(place.watch);
    assert_true(watch_is_settled(place.watch, QUIET_MS));
    watch_mark(place.watch);
    assert_int_equal(truncate(path_of(&place, "own/two.lua"), 9), 0);
    set_age(&place, "own/two.lua", 100);
    watch_look(place.watch);
    assert_false(watch_is_settled(place.watch, QUIET_MS));
    remove_file(&place, "own/two.lua");
    place_end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_of_the_files_that_count_are_seen),
        cmocka_unit_test(other_files_are_followed),
        cmocka_unit_test(a_change_for_a_moment_is_seen),
        cmocka_unit_test(a_file_that_is_being_written_is_not_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
