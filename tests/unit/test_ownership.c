/* SPDX-License-Identifier: MIT */
#include "directory/ownership.h"

#include "base/text.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char accounts[] =
    "alice@example.com|x\nbob@example.com|x\ncarol@example.com|x\ndave@example.com|x\n"
    "alice+box@example.com|x\n"
    "alice+desk@example.com|x\n";

static const char aliases[] =
    "sales@example.com     alice@example.com\n"
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
    /* Reached in two ways, of which options may forbid one. */
    "both@example.com      team@example.com, alice@example.com\n"
    "twice@example.com     nested@example.com, alice@example.com\n"
    "same@example.com      alice@example.com, ALICE@example.com\n"
    "either@example.com    x@catch.test, sales@example.com\n"
    "late@example.com      a@late.test, b@late.test\n"
    "@late.test            loop@example.com\n"
    "b@late.test           loop@example.com\n"
    "loop@example.com      loop@example.com, alice@example.com\n"
    "alice+own@example.com alice@example.com\n"
    "alice+bob@example.com bob@example.com\n"
    "many@example.com      ext@example.com, carol@example.com, \\\n"
    "  bob@example.com, dave@example.com\n"
    "hop@example.com       alice%example.com@mail.example.test\n"
    "tour@example.com      round1@example.com, alice@example.com\n"
    "spot@example.com      dave@example.com\n"
    "box@example.com       alice+box@example.com\n"
    "desk@example.com      alice+desk@example.com\n"
    "round1@example.com    round2@example.com\n"
    "round2@example.com    round1@example.com\n";

static const char patterns[] = "/^re[0-9]+@example\\.com$/ alice@example.com\n"
                               "/^duo@example\\.com$/ alice@example.com, bob@example.com\n"
                               "/^slow(a+)+@example\\.com$/ alice@example.com\n";

static const char grants[] = "carol@example.com: news@example.com, @grant.test\n"
                             "service@example.com: *\n"
                             "root: x@example.com\n"
                             "dave@example.com: alice@example.com\n";

enum { N = 1, C = 2, S = 4, A = 8, R = 16, G = 32, ALL = 63 };

static struct snapshot *load(struct volume *volume)
{
    struct error error = {0};
    static char path[512];
    volume_begin(volume);
    snprintf(path, sizeof path, "%s/may-send-as", volume->path);
    volume->settings.may_send_as = path;
    volume_write(volume, "postfix-accounts.cf", accounts);
    volume_write(volume, "postfix-virtual.cf", aliases);
    volume_write(volume, "postfix-regexp.cf", patterns);
    volume_write(volume, "may-send-as", grants);
    struct snapshot *snapshot = dms_load(&volume->settings, NULL, &error);
    assert_non_null(snapshot);
    return snapshot;
}

static struct ownership ask(struct arena *arena, const struct snapshot *snapshot,
                            const char *login, const char *internal, int without)
{
    struct address address;
    address_from_internal(arena, internal, &snapshot_settings(snapshot)->rules, &address);
    const struct ownership_options options = {.nested = (without & N) == 0,
                                              .catch_all = (without & C) == 0,
                                              .subaddress = (without & S) == 0,
                                              .account_alias = (without & A) == 0,
                                              .regexp = (without & R) == 0,
                                              .group = (without & G) == 0};
    return ownership_find(arena, login, &address, &(struct directory){.snapshot = snapshot},
                          &options);
}

static void belongs_to_those_it_leads_to(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(&volume);

    static const struct {
        const char *login, *address;
        int needs; /* with these options owned, with any of them missing not; -1: never */
    } cases[] = {
        {"alice@example.com", "alice@example.com", 0},
        {"alice@example.com", "ALICE@Example.COM", 0},
        {"ALICE@example.com", "alice@example.com", 0},
        {"alice@example.com", "sales@example.com", 0},
        {"alice@example.com", "SALES@example.com", 0},
        {"alice@example.com", "team@example.com", G},
        {"bob@example.com", "team@example.com", G},
        {"bob@example.com", "teamsp@example.com", G},
        {"alice@example.com", "uptarget@example.com", 0},
        {"alice@example.com", "tagt@example.com", 0},
        {"alice@example.com", "re7@example.com", R},
        /* Dave's way ends at a recipient that the group names first. */
        {"dave@example.com", "pair@example.com", G},
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
        {"alice@example.com", "bob@example.com", A | G},
        {"alice@example.com", "bob+tag@example.com", A | S | G},
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
        {"alice", "alice@example.com", 0},
        {"ALICE", "nested@example.com", N},
        {"alice", "bob@example.com", A | G},
        {"alice@example.com", "duo@example.com", R | G},
        {"bob@example.com", "duo@example.com", R | G},
        {"alice@example.com", "same@example.com", 0},
        {"alice@example.com", "both@example.com", G},
        {"bob@example.com", "both@example.com", G | N},
        {"alice@example.com", "twice@example.com", G},
        {"alice@example.com", "either@example.com", G | N},
        {"alice@example.com", "late@example.com", G | N},
        {"alice@example.com", "any@late.test", C | N | G},
        {"alice@example.com", "b@late.test", N | G},
        {"alice@example.com", "alice+own@example.com", 0},
        {"bob@example.com", "alice+bob@example.com", A},
        {"alice@example.com", "hop@example.com", 0},
        {"alice@example.com", "tour@example.com", G},
        {"alice@example.com", "round1@example.com", -1},
        /* Through the address of another account: only the asked one counts. */
        {"alice@example.com", "spot@example.com", N},
        {"alice@example.com", "many@example.com", G | N},
        /* A tagged form that is an account of its own. */
        {"alice@example.com", "alice+box@example.com", -1},
        {"alice@example.com", "box@example.com", -1},
        {"alice+box@example.com", "box@example.com", 0},
        {"carol@example.com", "news+tag@example.com", S},
        {"carol@example.com", "any+x@grant.test", 0},
        {"root", "x@example.com", 0},
        {"alice@example.com", "-x@catch.test", -1},
        /* With its detail it is another account. */
        {"alice@example.com", "desk@example.com", -1},
        {"alice+desk@example.com", "desk@example.com", 0},
        {"dave@example.com", "alice+x@example.com", S},
        {"dave@example.com", "alice+desk@example.com", -1},
        {"alice+x@example.com", "alice+x@example.com", 0},
        {"alice+x@example.com", "tagt@example.com", 0},
        {"alice+x@example.com", "alice@example.com", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int mask = 0; mask <= ALL; mask++) {
            struct arena *arena = arena_new();
            struct ownership got =
                ask(arena, snapshot, cases[i].login, cases[i].address, ALL & ~mask);
            bool want = cases[i].needs >= 0 && (mask & cases[i].needs) == cases[i].needs;
            if (got.kind != (want ? ANSWER_FOUND : ANSWER_NOT_FOUND) ||
                (got.reason == NULL) != want || (got.proof != NULL) != want ||
                (!want && strncmp(got.reason, "best match ", 11) != 0)) {
                fail_msg("%s as %s with %d: %s, %s", cases[i].login, cases[i].address, mask,
                         answer_kind_name(got.kind), got.reason != NULL ? got.reason : "-");
            }
            arena_free(&arena);
        }
    }
    snapshot_release(&snapshot);
    volume_end(&volume);
}

/* What people read, all options on but those named. */
struct telling {
    const char *login, *address;
    int without;
    const char *text; /* owned: the proof, else the reason */
};

static const struct telling tellings[] = {
    {"ALICE@example.com", "alice@example.com", 0, "alice@example.com"},
    {"alice@example.com", "sales@example.com", 0,
     "alice@example.com -> sales@example.com (alias)"},
    {"alice@example.com", "nested@example.com", 0,
     "alice@example.com -> sales@example.com (alias) -> nested@example.com (alias)"},
    {"alice@example.com", "Team@Example.com", 0,
     "alice@example.com -> Team@Example.com (alias of several)"},
    {"alice@example.com", "re7@example.com", 0,
     "alice@example.com -> re7@example.com (pattern)"},
    {"alice@example.com", "duo@example.com", 0,
     "alice@example.com -> duo@example.com (pattern of several)"},
    {"alice@example.com", "any@catch.test", 0,
     "alice@example.com -> any@catch.test (catch-all)"},
    {"alice@example.com", "sales+x@example.com", 0,
     "alice@example.com -> sales+x@example.com (alias, without its tag)"},
    {"bob@example.com", "bob+x@example.com", 0,
     "bob@example.com -> bob+x@example.com (without its tag)"},
    {"carol@example.com", "news@example.com", 0, "carol@example.com (may_send_as line 1)"},
    {"carol@example.com", "news+x@example.com", 0,
     "carol@example.com (may_send_as line 1)"},
    {"service@example.com", "who@ever.test", 0, "service@example.com (may_send_as line 2)"},
    /* The nearest of several ways. */
    {"alice@example.com", "twice@example.com", 0,
     "alice@example.com -> twice@example.com (alias of several)"},

    {"alice@example.com", "nested@example.com", N,
     "best match alice@example.com -> sales@example.com (alias) -> nested@example.com "
     "(alias), which needs spoof.nested = yes"},
    {"bob@example.com", "both@example.com", N | G,
     "best match bob@example.com -> team@example.com (alias of several) -> "
     "both@example.com (alias of several), which needs spoof.nested = yes and spoof.group "
     "= yes"},
    {"alice@example.com", "any@catch.test", C,
     "best match alice@example.com -> any@catch.test (catch-all), which needs "
     "spoof.catch_all = yes"},
    {"alice@example.com", "re7@example.com", R,
     "best match alice@example.com -> re7@example.com (pattern), which needs spoof.regexp "
     "= yes"},
    {"bob@example.com", "bob+x@example.com", S,
     "best match bob@example.com -> bob+x@example.com (without its tag), which needs "
     "spoof.subaddress = yes"},
    {"alice@example.com", "sales+x@example.com", S,
     "best match alice@example.com -> sales+x@example.com (alias, without its tag), which "
     "needs spoof.subaddress = yes"},
    {"carol@example.com", "news+x@example.com", S,
     "best match carol@example.com (may_send_as line 1), which needs spoof.subaddress = "
     "yes"},
    {"bob@example.com", "carol@example.com", A,
     "best match carol@example.com: it is another account"},
    {"bob@example.com", "carol+x@example.com", 0,
     "best match carol@example.com: it is another account"},
    {"alice@example.com", "dave@example.com", A,
     "best match dave@example.com: it is another account, which needs spoof.account_alias "
     "= yes"},
    {"alice@example.com", "bob@example.com", A | G,
     "best match bob@example.com: it is another account, which needs spoof.group = yes and "
     "spoof.account_alias = yes"},
    {"bob@example.com", "sales@example.com", 0,
     "best match alice@example.com -> sales@example.com (alias)"},
    {"bob@example.com", "nested@example.com", N,
     "best match alice@example.com -> sales@example.com (alias) -> nested@example.com "
     "(alias)"},
    {"carol@example.com", "pair@example.com", 0,
     "best match alice@example.com -> pair@example.com (alias of several)"},
    {"carol@example.com", "team@example.com", 0,
     "best match alice@example.com -> team@example.com (alias of several) and 1 more"},
    {"alice@example.com", "ext@example.com", 0,
     "best match someone@remote.test -> ext@example.com (alias)"},
    {"alice@example.com", "nosuch@example.com", 0, "best match none: nobody has it"},
    {"alice@example.com", "x@remote.test", 0,
     "best match none: it is not at one of our domains"},
    {"alice@example.com", "root@mail.example.test", 0,
     "best match none: it is a name at the host itself"},
    {"alice@example.com", "-x@catch.test", 0, "best match none: nobody can have it"},
    {"alice@example.com", "round1@example.com", 0,
     "best match none: its aliases lead round in a circle"},
    {"alice@example.com", "", 0, "best match none: the null sender belongs to nobody"},
    {"nosuch", "alice@example.com", 0,
     "best match none: the login has no domain, and no account at ours has its name"},
};

static void says_why(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(&volume);
    for (size_t i = 0; i < sizeof tellings / sizeof tellings[0]; i++) {
        struct arena *arena = arena_new();
        const struct telling *telling = &tellings[i];
        struct ownership got =
            ask(arena, snapshot, telling->login, telling->address, telling->without);
        assert_string_equal(got.kind == ANSWER_FOUND ? got.proof : got.reason,
                            telling->text);
        arena_free(&arena);
    }
    snapshot_release(&snapshot);
    volume_end(&volume);
}

static void gives_the_path(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(&volume);
    struct arena *arena = arena_new();
    struct ownership got =
        ask(arena, snapshot, "alice@example.com", "nested@example.com", 0);
    assert_int_equal(got.path_count, 2);
    assert_string_equal(got.path[0].address, "nested@example.com");
    assert_string_equal(got.path[1].address, "sales@example.com");
    assert_int_equal(got.path[1].line, 1);
    got = ask(arena, snapshot, "bob@example.com", "team@example.com", 0);
    assert_int_equal(got.path_count, 1);
    assert_non_null(strstr(got.proof, "of several"));
    got = ask(arena, snapshot, "alice@example.com", "alice@example.com", 0);
    assert_int_equal(got.path_count, 0);
    arena_free(&arena);
    snapshot_release(&snapshot);
    volume_end(&volume);
}

/* A source that fails is no "no", unless the way is known without it. */
static void cannot_tell(void **state)
{
    (void)state;
    static const char slow[] =
        "slowaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab@example.com";
    struct volume volume;
    struct snapshot *snapshot = load(&volume);
    struct arena *arena = arena_new();
    struct ownership got = ask(arena, snapshot, "alice@example.com", slow, 0);
    assert_int_equal(got.kind, ANSWER_FAILED);
    assert_non_null(strstr(got.reason, "postfix-regexp.cf line 3"));
    assert_null(got.proof);
    got = ask(arena, snapshot, "service@example.com", slow, 0);
    assert_int_equal(got.kind, ANSWER_FOUND);
    arena_free(&arena);
    snapshot_release(&snapshot);
    volume_end(&volume);
}

/* More steps than anybody reads. */
static void long_ways_are_cut(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    struct arena *arena = arena_new();
    const char *text = "n0@a.test alice@a.test\n";
    for (int i = 1; i < 300; i++) {
        text = arena_format(arena, "%sn%d@a.test n%d@a.test\n", text, i, i - 1);
    }
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "alice@a.test|x\n");
    volume_write(&volume, "postfix-virtual.cf", text);
    struct snapshot *snapshot = dms_load(&volume.settings, NULL, &error);
    assert_non_null(snapshot);
    struct ownership got = ask(arena, snapshot, "alice@a.test", "n299@a.test", 0);
    assert_int_equal(got.path_count, 300);
    assert_non_null(strstr(got.proof, "n4@a.test (alias) -> 290 more -> n295@a.test"));
    snapshot_release(&snapshot);
    volume_end(&volume);
    arena_free(&arena);
}

/* Addresses of any length have their own place, and case is none. */
static void long_addresses_are_whole(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    struct arena *arena = arena_new();
    char *name = arena_alloc(arena, 1901);
    memset(name, 'N', 1900);
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "alice@a.test|x\n");
    volume_write(
        &volume, "postfix-virtual.cf",
        arena_format(arena, "%s@a.test Alice@a.test\n%sx@a.test bob@a.test\n", name, name));
    struct snapshot *snapshot = dms_load(&volume.settings, NULL, &error);
    assert_non_null(snapshot);
    const char *address = text_fold_copy(arena, arena_format(arena, "%s@A.test", name));
    struct ownership got = ask(arena, snapshot, "alice@a.test", address, 0);
    assert_int_equal(got.kind, ANSWER_FOUND);
    assert_true(strlen(got.proof) < 1000);
    address = arena_format(arena, "%sx@a.test", name);
    got = ask(arena, snapshot, "alice@a.test", address, 0);
    assert_int_equal(got.kind, ANSWER_NOT_FOUND);
    address = arena_format(arena, "%s%s@a.test", name, name);
    got = ask(arena, snapshot, "alice@a.test", address, 0);
    assert_string_equal(got.reason, "best match none: it is too long for an address");
    snapshot_release(&snapshot);
    volume_end(&volume);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(belongs_to_those_it_leads_to),
        cmocka_unit_test(says_why),
        cmocka_unit_test(gives_the_path),
        cmocka_unit_test(cannot_tell),
        cmocka_unit_test(long_ways_are_cut),
        cmocka_unit_test(long_addresses_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
