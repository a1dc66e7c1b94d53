/* SPDX-License-Identifier: MIT */
#include "directory/ownership.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char accounts[] =
    "alice@example.com|x\nbob@example.com|x\ncarol@example.com|x\ndave@example.com|x\n";

static const char aliases[] = "sales@example.com     alice@example.com\n"
                              "team@example.com      alice@example.com, bob@example.com\n"
                              "teamsp@example.com    alice@example.com bob@example.com\n"
                              "nested@example.com    sales@example.com\n"
                              "deep@example.com      nested@example.com\n"
                              "@catch.test           alice@example.com\n"
                              "@domain.test          @example.com\n"
                              "bob@example.com       alice@example.com, bob@example.com\n"
                              "ext@example.com       someone@remote.test\n"
                              "uptarget@example.com  ALICE@Example.com\n"
                              "tagt@example.com      alice+x@example.com\n"
                              "carol@example.com     forwarded@remote.test\n"
                              "info@example.com      carol@example.com\n"
                              "dave@example.com      alice@example.com\n"
                              "pair@example.com      alice@example.com, dave@example.com\n"
                              "round1@example.com    round2@example.com\n"
                              "round2@example.com    round1@example.com\n";

static const char patterns[] = "/^re[0-9]+@example\\.com$/ alice@example.com\n"
                               "/^slow(a+)+@example\\.com$/ alice@example.com\n";

static const char grants[] = "carol@example.com: news@example.com, @grant.test\n"
                             "service@example.com: *\n";

enum { N = 1, C = 2, S = 4, A = 8, ALL = 15 };

static void belongs_to_those_it_leads_to(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    char path[512];
    volume_begin(&volume);
    snprintf(path, sizeof path, "%s/may-send-as", volume.path);
    volume.settings.may_send_as = path;
    volume_write(&volume, "postfix-accounts.cf", accounts);
    volume_write(&volume, "postfix-virtual.cf", aliases);
    volume_write(&volume, "postfix-regexp.cf", patterns);
    volume_write(&volume, "may-send-as", grants);
    struct snapshot *snapshot = dms_load(&volume.settings, NULL, &error);
    assert_non_null(snapshot);

    static const struct {
        const char *login, *address;
        int needs; /* with these options owned, with any of them missing not; -1: never */
    } cases[] = {
        {"alice@example.com", "alice@example.com", 0},
        {"alice@example.com", "ALICE@Example.COM", 0},
        {"ALICE@example.com", "alice@example.com", 0},
        {"alice@example.com", "sales@example.com", 0},
        {"alice@example.com", "SALES@example.com", 0},
        {"alice@example.com", "team@example.com", 0},
        {"bob@example.com", "team@example.com", 0},
        {"bob@example.com", "teamsp@example.com", 0},
        {"alice@example.com", "uptarget@example.com", 0},
        {"alice@example.com", "tagt@example.com", 0},
        {"alice@example.com", "re7@example.com", 0},
        /* Dave's way ends at a recipient that the group names first. */
        {"dave@example.com", "pair@example.com", 0},
        {"carol@example.com", "team@example.com", -1},
        {"bob@example.com", "sales@example.com", -1},
        {"bob@example.com", "re7@example.com", -1},
        {"alice@example.com", "nested@example.com", N},
        {"alice@example.com", "deep@example.com", N},
        {"bob@example.com", "nested@example.com", -1},
        {"alice@example.com", "any@catch.test", C},
        {"alice@example.com", "any+tag@catch.test", C},
        {"bob@example.com", "any@catch.test", -1},
        {"alice@example.com", "alice@domain.test", C},
        {"alice@example.com", "sales@domain.test", C | N},
        {"bob@example.com", "alice@domain.test", -1},
        {"alice@example.com", "alice+tag@example.com", S},
        {"alice@example.com", "sales+tag@example.com", S},
        {"alice@example.com", "nested+tag@example.com", S | N},
        {"alice@example.com", "re7+tag@example.com", -1},
        {"alice@example.com", "bob@example.com", A},
        {"alice@example.com", "bob+tag@example.com", A | S},
        {"bob@example.com", "bob@example.com", 0},
        {"bob@example.com", "bob+tag@example.com", S},
        {"bob@example.com", "alice@example.com", -1},
        {"bob@example.com", "carol@example.com", -1},
        {"carol@example.com", "carol@example.com", 0},
        {"carol@example.com", "info@example.com", 0},
        {"alice@example.com", "ext@example.com", -1},
        {"alice@example.com", "nosuch@example.com", -1},
        {"alice@example.com", "random@remote.test", -1},
        {"alice@example.com", "postmaster@mail.example.test", -1},
        {"alice@example.com", "", -1},
        {"carol@example.com", "news@example.com", 0},
        {"Carol@example.com", "any+x@Grant.test", 0},
        {"bob@example.com", "news@example.com", -1},
        {"service@example.com", "who@ever.test", 0},
        {"service@example.com", "alice@example.com", 0},
        {"sales@example.com", "sales@example.com", 0},
        {"sales@example.com", "nested@example.com", 0},
        {"alice", "alice@example.com", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int mask = 0; mask <= ALL; mask++) {
            struct arena *arena = arena_new();
            struct address address;
            address_from_internal(arena, cases[i].address, &volume.settings.rules,
                                  &address);
            const struct ownership_options options = {.nested = (mask & N) != 0,
                                                      .catch_all = (mask & C) != 0,
                                                      .subaddress = (mask & S) != 0,
                                                      .account_alias = (mask & A) != 0};
            struct ownership got =
                ownership_find(arena, cases[i].login, &address, snapshot, &options);
            bool want = cases[i].needs >= 0 && (mask & cases[i].needs) == cases[i].needs;
            if (got.kind != (want ? ANSWER_FOUND : ANSWER_NOT_FOUND) ||
                (got.reason == NULL) != want) {
                fail_msg("%s as %s with %d: %s, %s", cases[i].login, cases[i].address, mask,
                         answer_kind_name(got.kind), got.reason != NULL ? got.reason : "-");
            }
            arena_free(&arena);
        }
    }
    snapshot_release(&snapshot);
    volume_end(&volume);
}

static void explains_itself(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", accounts);
    volume_write(&volume, "postfix-virtual.cf", aliases);
    volume_write(&volume, "postfix-regexp.cf", patterns);
    struct snapshot *snapshot = dms_load(&volume.settings, NULL, &error);
    assert_non_null(snapshot);
    struct arena *arena = arena_new();
    struct address address;
    const struct ownership_options none = {0};
    const struct ownership_options all = {true, true, true, true};

    address_from_internal(arena, "nested@example.com", &volume.settings.rules, &address);
    struct ownership got =
        ownership_find(arena, "alice@example.com", &address, snapshot, &none);
    assert_non_null(strstr(got.reason, "spoof.nested"));
    got = ownership_find(arena, "alice@example.com", &address, snapshot, &all);
    assert_int_equal(got.path_count, 2);
    assert_string_equal(got.path[0].address, "nested@example.com");
    assert_string_equal(got.path[1].address, "sales@example.com");

    address_from_internal(arena, "round1@example.com", &volume.settings.rules, &address);
    got = ownership_find(arena, "alice@example.com", &address, snapshot, &all);
    assert_int_equal(got.kind, ANSWER_FAILED);
    assert_non_null(strstr(got.reason, "circle"));

    address_from_internal(arena,
                          "slowaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab@example.com",
                          &volume.settings.rules, &address);
    got = ownership_find(arena, "alice@example.com", &address, snapshot, &all);
    assert_int_equal(got.kind, ANSWER_FAILED);
    assert_non_null(strstr(got.reason, "postfix-regexp.cf line 2"));
    arena_free(&arena);
    snapshot_release(&snapshot);
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(belongs_to_those_it_leads_to),
        cmocka_unit_test(explains_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
