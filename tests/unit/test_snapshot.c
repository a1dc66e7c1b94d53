/* SPDX-License-Identifier: MIT */
#include "directory/snapshot.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* `what=count+added-removed~changed` of what is not as it was. */
static const char *describe_changes(struct arena *arena, const struct snapshot *old,
                                    const struct snapshot *new)
{
    const char *text = "";
    struct snapshot_change changes[SNAPSHOT_CHANGES];
    snapshot_compare(old, new, changes);
    for (size_t i = 0; i < SNAPSHOT_CHANGES; i++) {
        const struct snapshot_change *change = &changes[i];
        if (change->added + change->removed + change->changed > 0) {
            text = arena_format(arena, "%s %s=%zu+%zu-%zu~%zu", text, change->what,
                                change->count, change->added, change->removed,
                                change->changed);
        }
    }
    return text;
}

static void tells_what_changed(void **state)
{
    (void)state;

    static const struct {
        const char *name, *file, *before, *after, *want;
    } cases[] = {
        {"nothing", "postfix-virtual.cf", "a@x.test b\n", "# c\na@x.test b\n", ""},
        {"an account", "postfix-accounts.cf", "a@x.test|h\n", "a@x.test|h\nb@y.test|h\n",
         " accounts=2+1-0~0 domains=2+1-0~0"},
        {"an account instead", "postfix-accounts.cf", "a@x.test|h\n", "b@x.test|h\n",
         " accounts=1+1-1~0"},
        {"a password is no change", "postfix-accounts.cf", "a@x.test|h\n", "a@x.test|i\n",
         ""},
        {"twins are no change", "postfix-accounts.cf", "a@x.test|h\nA@x.test|h\n",
         "# \na@x.test|h\nA@x.test|h\n", ""},
        {"a new pair of twins is one", "postfix-accounts.cf", "a@x.test|h\n",
         "b@x.test|h\nB@x.test|h\na@x.test|h\n", " accounts=2+1-0~0"},
        {"the spelling is", "postfix-accounts.cf", "a@x.test|h\n", "A@x.test|h\n",
         " accounts=1+0-0~1"},
        {"a limit in the accounts", "postfix-accounts.cf",
         "a@x.test|h|userdb_quota_storage_size=1G\n",
         "a@x.test|h|userdb_quota_storage_size=2G\n", " quotas=1+0-0~1"},
        {"targets", "postfix-virtual.cf", "a@x.test b\nc@x.test d\n",
         "a@x.test c\nd@x.test d\ne@x.test d\n", " aliases=3+2-1~1"},
        {"all aliases", "postfix-virtual.cf", "a@x.test b\nc@y.test d\n", "",
         " aliases=0+0-2~0 domains=1+0-1~0"},
        {"patterns are counted", "postfix-regexp.cf", "/a/ b\n", "/a/ c\n/b/ c\n",
         " patterns=2+1-0~0"},
        {"local aliases", "postfix-aliases.cf", "a: b\nc: d\n", "c: e\n",
         " local_aliases=1+0-1~1"},
        {"quotas", "dovecot-quotas.cf", "a@x.test:1G\n", "a@x.test:2G\n",
         " quotas=1+0-0~1"},
        {"a permission", "grants", "", "a@x.test: *\n", " grants=1+1-0~0"},
        {"another one", "grants", "a@x.test: *\n", "a@x.test: @y.test\n",
         " grants=1+0-0~1"},
        {"one more", "grants", "a@x.test: b@y.test\nc@x.test: *\n",
         "a@x.test: b@y.test, @z.test\nc@x.test: *\n", " grants=2+0-0~1"},
        {"the last of several", "grants", "a@x.test: b@y.test, c@y.test\n",
         "a@x.test: b@y.test, d@y.test\n", " grants=1+0-0~1"},
        {"one less", "grants", "a@x.test: b@y.test, c@y.test\nb@x.test: *\n",
         "a@x.test: b@y.test\n", " grants=1+0-1~1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct volume volume;
        struct error error = {0};
        struct arena *arena = arena_new();
        volume_begin(&volume);
        volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
        char grants[512];
        snprintf(grants, sizeof grants, "%s/grants", volume.path);
        volume_write(&volume, "grants", "");
        volume.settings.may_send_as = grants;
        volume_write(&volume, cases[i].file, cases[i].before);
        struct snapshot *old = dms_load(&volume.settings, NULL, &error);
        volume_write(&volume, cases[i].file, cases[i].after);
        struct snapshot *new = dms_load(&volume.settings, NULL, &error);
        assert_true(old != NULL && new != NULL);
        const char *got = describe_changes(arena, old, new);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
        assert_string_equal(describe_changes(arena, new, new), "");
        snapshot_release(&old);
        snapshot_release(&new);
        arena_free(&arena);
        volume_end(&volume);
    }
}

static void generations_grow_and_references_count(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    struct snapshot *first = dms_load(&volume.settings, NULL, &error);
    struct snapshot *second = dms_load(&volume.settings, NULL, &error);
    assert_true(snapshot_generation(second) > snapshot_generation(first));
    struct snapshot *held = snapshot_hold(first);
    snapshot_release(&first);
    struct arena *arena = arena_new();
    const struct question question = {.kind = QUESTION_MAILBOX, .key = "a@x.test"};
    struct answer answer = snapshot_answer(held, &question, arena);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_string_equal(answer.value, "a@x.test");
    snapshot_release(&held);
    snapshot_release(&second);
    snapshot_release(&second);
    arena_free(&arena);
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_changed),
        cmocka_unit_test(generations_grow_and_references_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
