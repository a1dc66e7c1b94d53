/* SPDX-License-Identifier: MIT */
/* Local delivery within a resolution; what Postfix does is in data/resolve.vectors. */
#include "directory/resolve.h"

#include "base/buffer.h"
#include "resolve_fixture.h"

enum { FILE_BYTES = 4 << 20, ARENA_BYTES = 48 << 20 };

static struct snapshot *load(struct volume *volume, const char *virtual_aliases,
                             const char *aliases)
{
    struct error error = {0};
    volume_begin(volume);
    volume->settings.postmaster = "postmaster@example.com";
    volume_write(volume, "postfix-accounts.cf", "alice@example.com|x\nbob@example.com|x\n");
    volume_write(volume, "postfix-virtual.cf", virtual_aliases);
    volume_write(volume, "postfix-aliases.cf", aliases);
    struct snapshot *snapshot = dms_load(&volume->settings, NULL, &error);
    assert_non_null(snapshot);
    volume_end(volume);
    return snapshot;
}

static void tells_class_note_and_path(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot =
        load(&volume, "team@example.com  sup, bob@example.com\nvback@example.com back\n",
             "sup: alice@example.com, /var/mail/sup, ghost\n"
             "sup2: SUP+t\n"
             "files: /a, /b, \"|c d\", /a, ,/b/c\n"
             "home: ~, x@remote.test\n"
             "bad: -x@remote.test, x@y..z, y@\n"
             "one: two\ntwo: one\n"
             "back: vback@example.com\n"
             "comma: sup, empty\nempty: ,\n"
             "list: ghost\nowner-list: root\n");

    static const struct {
        const char *typed;
        enum expansion_fault fault;
        const char *want;
    } cases[] = {
        {"team+t@example.com", FAULT_NONE,
         "local - sup+t@mail.example.test < team+t@example.com(base) < "
         "sup+t@mail.example.test(local) [/var/mail/sup]; "
         "local - ghost@mail.example.test < team+t@example.com(base) < "
         "sup+t@mail.example.test(local); "
         "mailbox bob@example.com bob+t@example.com < team+t@example.com(base); "
         "mailbox alice@example.com alice@example.com < team+t@example.com(base) < "
         "sup+t@mail.example.test(local)"},
        {"Sup2@localhost", FAULT_NONE,
         "local - SUP+t@mail.example.test < Sup2@localhost(local) < "
         "SUP+t@mail.example.test(local) [/var/mail/sup]; "
         "local - ghost@mail.example.test < Sup2@localhost(local) < "
         "SUP+t@mail.example.test(local); "
         "mailbox alice@example.com alice@example.com < Sup2@localhost(local) < "
         "SUP+t@mail.example.test(local)"},
        {"files@localhost", FAULT_NONE,
         "local - files@localhost < files@localhost(local) [/a, /b, |c d, /b/c]"},
        {"home@localhost", FAULT_NONE,
         "unknown - home@localhost < home@localhost(local) [there is no home directory]; "
         "external - x@remote.test < home@localhost(local)"},
        {"bad@localhost", FAULT_NONE,
         "unknown - -x@remote.test < bad@localhost(local) [its syntax is bad]; "
         "unknown - x@y..z < bad@localhost(local) [its syntax is bad]; "
         "unknown - y@ < bad@localhost(local) [its syntax is bad]"},
        {"back@localhost", FAULT_NONE,
         "unknown - back@mail.example.test < back@localhost(local) < "
         "vback@example.com(exact) < back@mail.example.test(local) < "
         "vback@example.com(exact) [local aliases lead round in a circle]"},
        {"comma@localhost", FAULT_TABLE, ""},
        {"empty@localhost", FAULT_TABLE, ""},
        {"list@localhost", FAULT_NONE,
         "local - ghost@mail.example.test < list@localhost(local)"},
        {"root@localhost", FAULT_NONE,
         "unknown - postmaster@example.com < root@localhost(local)"},
        {"postmaster", FAULT_NONE, "local - postmaster@mail.example.test"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const struct expansion *expansion =
            resolve_text(arena, cases[i].typed, snapshot, &volume);
        const char *got = describe_paths(arena, expansion);
        if (strcmp(got, cases[i].want) != 0 || expansion->fault != cases[i].fault) {
            fail_msg("%s: %s\n    got  %s\n    want %s", cases[i].typed,
                     expansion_fault_name(expansion->fault), got, cases[i].want);
        }
        arena_free(&arena);
    }
    struct arena *arena = arena_new();
    const struct expansion *circle =
        resolve_text(arena, "one@localhost", snapshot, &volume);
    assert_int_equal(circle->recipient_count, 1);
    assert_int_equal(circle->recipients[0].class, CLASS_UNKNOWN);
    assert_int_equal(circle->recipients[0].via_count, 25);
    arena_free(&arena);
    snapshot_release(&snapshot);
}

/* Of an alias that Postfix puts off, the address and the reason are told. */
static void names_the_alias_without_target(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot =
        load(&volume, "team@example.com sup\n", "sup: x@remote.test, empty\nempty: ,\n");
    struct arena *arena = arena_new();
    const struct expansion *expansion =
        resolve_text(arena, "team@example.com", snapshot, &volume);
    assert_int_equal(expansion->status, EXPANSION_ERROR);
    assert_string_equal(expansion->fault_address, "empty@mail.example.test");
    assert_non_null(strstr(expansion->fault_reason, "has no target"));
    arena_free(&arena);
    snapshot_release(&snapshot);
}

/* Each name lists the next one twice: a million ways, one address. Postfix takes an address
 * once at each depth. */
static void takes_an_address_once_at_each_depth(void **state)
{
    (void)state;
    struct buffer aliases;
    buffer_init(&aliases, FILE_BYTES);
    for (int i = 0; i < 20; i++) {
        buffer_append_format(&aliases, "n%d: n%d, N%d@localhost, n%d\n", i, i + 1, i + 1,
                             i + 1);
    }
    buffer_append_text(&aliases, "n20: alice@example.com, Alice@example.com\n");
    struct volume volume;
    struct snapshot *snapshot = load(&volume, "", aliases.data);
    struct arena *arena = arena_new();
    const struct expansion *expansion =
        resolve_text(arena, "n19@localhost", snapshot, &volume);
    assert_int_equal(expansion->status, EXPANSION_OK);
    assert_int_equal(expansion->recipient_count, 1);
    assert_string_equal(expansion->recipients[0].address, "alice@example.com");
    arena_free(&arena);
    snapshot_release(&snapshot);
    buffer_deinit(&aliases);
}

static void append_many(struct buffer *text, const char *before, const char *format,
                        int count)
{
    buffer_append_text(text, before);
    for (int i = 0; i < count; i++) {
        buffer_append_text(text, i > 0 ? "," : "");
        buffer_append_format(text, "%s%d", format, i);
        buffer_append_text(text, "@v.test");
    }
    buffer_append_text(text, "\n");
}

/* Tables that mean far more work than anybody needs: the outcome is an error, and the
 * memory for it is bounded. */
static void is_bounded(void **state)
{
    (void)state;
    struct buffer virtual_aliases;
    struct buffer aliases;
    buffer_init(&virtual_aliases, FILE_BYTES);
    buffer_init(&aliases, FILE_BYTES);
    append_many(&aliases, "many: ", "x", 20000);
    append_many(&aliases, "toomany: ", "x", 20001);
    append_many(&aliases, "wide: ", "w", 100);
    append_many(&aliases, "again: ", "a", 1000);
    append_many(&aliases, "long: ", "name-of-a-member", 1 << 16);
    buffer_append_text(&aliases, "files: ");
    for (int i = 0; i < 19000; i++) {
        buffer_append_format(&aliases, "/%d,", i);
    }
    /* w0@v.test ... each have a thousand members of their own, a0@v.test ... lead back. */
    for (int i = 0; i < 100; i++) {
        buffer_append_format(&virtual_aliases, "w%d@v.test ", i);
        for (int j = 0; j < 1000; j++) {
            buffer_append_format(&virtual_aliases, "m%d-%d,", i, j);
        }
        buffer_append_text(&virtual_aliases, "\n");
    }
    for (int i = 0; i < 1000; i++) {
        buffer_append_format(&virtual_aliases, "a%d@v.test again+%d\n", i, i);
    }
    struct volume volume;
    struct snapshot *snapshot = load(&volume, virtual_aliases.data, aliases.data);

    static const struct {
        const char *typed;
        enum expansion_fault fault;
        size_t count;
    } cases[] = {
        {"many@localhost", FAULT_NONE, 20000}, {"toomany@localhost", FAULT_DEPTH, 0},
        {"wide@localhost", FAULT_SIZE, 0},     {"again@localhost", FAULT_DEPTH, 0},
        {"long@localhost", FAULT_SIZE, 0},     {"files@localhost", FAULT_NONE, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        const struct expansion *expansion =
            resolve_text(arena, cases[i].typed, snapshot, &volume);
        if (expansion->fault != cases[i].fault ||
            expansion->recipient_count != cases[i].count ||
            arena_used(arena) > ARENA_BYTES) {
            fail_msg("%s: %s, %zu recipients, %zu bytes", cases[i].typed,
                     expansion_fault_name(expansion->fault), expansion->recipient_count,
                     arena_used(arena));
        }
        arena_free(&arena);
    }
    snapshot_release(&snapshot);
    buffer_deinit(&virtual_aliases);
    buffer_deinit(&aliases);
}

/* Each alias has a target of its own and leads on to the next: the ways to all of them grow
 * with the square of their number. */
static void bounds_the_ways_of_a_chain(void **state)
{
    (void)state;

    static const struct {
        int links;
        const char *second; /* target of each link: its own, or one for all */
        enum expansion_fault fault;
    } cases[] = {{400, "m%d@v.test", FAULT_NONE},
                 {500, "m%d@v.test", FAULT_DEPTH},
                 {4000, "m%d@v.test", FAULT_DEPTH},
                 {400, "alice@example.com", FAULT_NONE},
                 {4000, "alice@example.com", FAULT_DEPTH}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer virtual_aliases;
        struct buffer aliases;
        buffer_init(&virtual_aliases, FILE_BYTES);
        buffer_init(&aliases, FILE_BYTES);
        for (int j = 0; j < cases[i].links; j++) {
            buffer_append_format(&aliases, "n%d: v%d@v.test\n", j, j);
            buffer_append_format(&virtual_aliases, "v%d@v.test n%d@localhost, ", j, j + 1);
            if (strchr(cases[i].second, '%') != NULL) {
                buffer_append_format(&virtual_aliases, "m%d@v.test\n", j);
            } else {
                buffer_append_format(&virtual_aliases, "%s\n", cases[i].second);
            }
        }
        struct volume volume;
        struct arena *arena = arena_new();
        struct snapshot *snapshot = load(&volume, virtual_aliases.data, aliases.data);
        const struct expansion *expansion =
            resolve_text(arena, "n0@localhost", snapshot, &volume);
        if (expansion->fault != cases[i].fault || arena_used(arena) > ARENA_BYTES) {
            fail_msg("%d links: %s, %zu bytes", cases[i].links,
                     expansion_fault_name(expansion->fault), arena_used(arena));
        }
        if (expansion->fault == FAULT_DEPTH) {
            assert_non_null(strstr(expansion->fault_reason, "200000 steps"));
        }
        arena_free(&arena);
        snapshot_release(&snapshot);
        buffer_deinit(&virtual_aliases);
        buffer_deinit(&aliases);
    }
}

static void a_failed_source_is_no_answer(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot =
        load(&volume, "team@example.com sup\nal@example.com alice@example.com\n",
             "sup: al@example.com, ghost\nowner-sup: bob@example.com\n");
    assert_true(fail_each_question("team+t@example.com", snapshot, &volume) > 20);
    snapshot_release(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_class_note_and_path),
        cmocka_unit_test(names_the_alias_without_target),
        cmocka_unit_test(takes_an_address_once_at_each_depth),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(bounds_the_ways_of_a_chain),
        cmocka_unit_test(a_failed_source_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
