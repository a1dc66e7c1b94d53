/* SPDX-License-Identifier: MIT */
/* Whose mailbox a login means, seen by what it owns. */
#include "directory/ownership.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char accounts[] =
    "alice@example.com|x\nbob@example.com|x\n\"q r\"@example.com|x\n";
static const char aliases[] = "sales@example.com alice@example.com\n"
                              "nested@example.com sales@example.com\n"
                              "@catch.test alice@example.com\n"
                              "@fold.test ALICE@a.test\n";

static struct snapshot *load(struct volume *volume, const char *of_accounts)
{
    struct error error = {0};
    volume_begin(volume);
    volume_write(volume, "postfix-accounts.cf", of_accounts);
    volume_write(volume, "postfix-virtual.cf", aliases);
    struct snapshot *snapshot = dms_load(&volume->settings, NULL, &error);
    assert_non_null(snapshot);
    return snapshot;
}

static struct ownership ask(struct arena *arena, const struct snapshot *snapshot,
                            const char *login, const char *domain, const char *internal)
{
    struct address address;
    address_from_internal(arena, internal, &snapshot_settings(snapshot)->rules, &address);
    const struct ownership_options options = {
        .nested = true, .catch_all = true, .login_domain = domain};
    return ownership_find(arena, login, &address, &(struct directory){.snapshot = snapshot},
                          &options);
}

static void completes_bare_logins(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot =
        load(&volume, "alice@a.test|x\nbob@a.test|x\nbob@b.test|x\ncarol@c.test|x\n");

    static const struct {
        const char *login, *domain, *address, *text;
    } cases[] = {
        {"alice", NULL, "alice@a.test", "alice@a.test"},
        {"Alice", NULL, "any@fold.test", "alice@a.test -> any@fold.test (catch-all)"},
        {"alice", "A.test", "any@fold.test", "alice@a.test -> any@fold.test (catch-all)"},
        {"alice", "b.test", "alice@b.test", "alice@b.test"},
        {"alice", "b.test", "alice@a.test",
         "best match alice@a.test: it is another account"},
        {"alice@b.test", "a.test", "alice@a.test",
         "best match alice@a.test: it is another account"},
        {"bob", NULL, "bob@a.test",
         "best match none: the login may be bob@a.test or bob@b.test, which "
         "spoof.login_domain decides"},
        {"bob", "b.test", "bob@b.test", "bob@b.test"},
        {"nobody", NULL, "alice@a.test",
         "best match none: the login has no domain, and no account at ours has its name"},
        {"alice+x", NULL, "alice@a.test",
         "best match none: the login has no domain, and no account at ours has its name"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct ownership got =
            ask(arena, snapshot, cases[i].login, cases[i].domain, cases[i].address);
        assert_string_equal(got.kind == ANSWER_FOUND ? got.proof : got.reason,
                            cases[i].text);
        arena_free(&arena);
    }
    snapshot_release(&snapshot);
    volume_end(&volume);
}

static void looks_through_few_domains(void **state)
{
    (void)state;
    struct volume volume;
    struct arena *arena = arena_new();
    const char *text = "alice@a.test|x\n";
    /* With the three domains of the aliases 100. */
    for (int i = 1; i < 97; i++) {
        text = arena_format(arena, "%suser@d%d.test|x\n", text, i);
    }
    for (int more = 0; more < 2; more++) {
        struct snapshot *snapshot = load(&volume, text);
        struct ownership got = ask(arena, snapshot, "alice", NULL, "alice@a.test");
        assert_int_equal(got.kind, more ? ANSWER_NOT_FOUND : ANSWER_FOUND);
        assert_true(!more || strstr(got.reason, "set spoof.login_domain") != NULL);
        got = ask(arena, snapshot, "user", NULL, "user@d1.test");
        assert_int_equal(got.kind, ANSWER_NOT_FOUND);
        assert_true(more || strstr(got.reason, " or 93 others, which") != NULL);
        snapshot_release(&snapshot);
        volume_end(&volume);
        text = arena_format(arena, "%suser@last.test|x\n", text);
    }
    arena_free(&arena);
}

/* Logins come from the wire. */
static void hostile_logins_own_nothing(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(&volume, accounts);
    struct arena *arena = arena_new();
    char *longest = arena_alloc(arena, 70001);
    memset(longest, 'a', 70000);
    const char *const logins[] = {
        "",
        " ",
        "@",
        "@@",
        "@example.com",
        "alice@",
        "alice@example.com ",
        " alice@example.com",
        "alice@example.com\n",
        "al\tice@example.com",
        "alice@example.com\x7f",
        "alice@example.com@example.com",
        "alice@@example.com",
        "<alice@example.com>",
        "alice@example.com, bob@example.com",
        "\"alice\"@example.com",
        "alice@[example.com]",
        "alice@example.com.",
        "\xff\xfe",
        "\xc3\x84lice@example.com",
        "%s%n",
        "*",
        "\"q r\"@example.com", /* no more than white space elsewhere */
        longest,
        arena_format(arena, "%s@example.com", longest),
        arena_format(arena, "alice@%s", longest),
    };
    const char *const addresses[] = {"alice@example.com", "nested@example.com",
                                     "x@catch.test", "x@remote.test", ""};
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        for (size_t j = 0; j < sizeof addresses / sizeof addresses[0]; j++) {
            struct ownership got = ask(arena, snapshot, logins[i], NULL, addresses[j]);
            assert_int_equal(got.kind, ANSWER_NOT_FOUND);
            assert_true(strlen(got.reason) < 2000);
        }
    }
    arena_free(&arena);
    snapshot_release(&snapshot);
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_bare_logins),
        cmocka_unit_test(looks_through_few_domains),
        cmocka_unit_test(hostile_logins_own_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
