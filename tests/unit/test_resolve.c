/* SPDX-License-Identifier: MIT */
#include "directory/resolve.h"

#include "base/buffer.h"
#include "base/text.h"
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LINE_BYTES = 4096, FILE_BYTES = 1 << 20 };

/* One set of data/resolve.vectors while it is read. */
struct vectors {
    char name[LINE_BYTES];
    char delimiter[16];
    char hostname[256], myorigin[256], mydestination[256];
    struct buffer accounts, aliases, patterns;
    bool has_aliases, has_patterns;
    struct buffer *section; /* where indented lines go */
    struct volume volume;
    struct snapshot *snapshot; /* NULL when loaded: a table cannot be used */
    bool loaded;
    int checked, failed;
};

static void begin_set(struct vectors *vectors, const char *name)
{
    snprintf(vectors->name, sizeof vectors->name, "%s", name);
    strcpy(vectors->delimiter, "+");
    strcpy(vectors->hostname, "mail.example.test");
    strcpy(vectors->myorigin, "mail.example.test");
    strcpy(vectors->mydestination, "mail.example.test localhost.example.test localhost");
    buffer_clear(&vectors->accounts);
    buffer_clear(&vectors->aliases);
    buffer_clear(&vectors->patterns);
    vectors->has_aliases = vectors->has_patterns = false;
    vectors->section = NULL;
    snapshot_release(&vectors->snapshot);
    vectors->loaded = false;
}

static void load_set(struct vectors *vectors)
{
    struct error error = {0};
    volume_begin(&vectors->volume);
    struct directory_settings *settings = &vectors->volume.settings;
    settings->hostname = vectors->hostname;
    settings->mydestination = vectors->mydestination;
    settings->rules.myorigin = vectors->myorigin;
    settings->rules.delimiters = vectors->delimiter;
    volume_write(&vectors->volume, "postfix-accounts.cf", vectors->accounts.data);
    if (vectors->has_aliases) {
        volume_write(&vectors->volume, "postfix-virtual.cf", vectors->aliases.data);
    }
    if (vectors->has_patterns) {
        volume_write(&vectors->volume, "postfix-regexp.cf", vectors->patterns.data);
    }
    vectors->snapshot = dms_load(settings, NULL, &error);
    vectors->loaded = true;
    volume_end(&vectors->volume);
}

static void add_accounts(struct vectors *vectors, char *value)
{
    char *rest = NULL;
    for (char *word = strtok_r(value, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        buffer_append_format(&vectors->accounts, "%s|{PLAIN}x\n", word);
    }
}

/* `key: value`; false when the line is none of these. */
static bool take_setting(struct vectors *vectors, char *line)
{
    static const char *const keys[] = {"name",          "delimiter", "hostname", "myorigin",
                                       "mydestination", "accounts",  "virtual",  "regexp"};
    size_t which = 0;
    while (which < sizeof keys / sizeof keys[0] &&
           (strncmp(line, keys[which], strlen(keys[which])) != 0 ||
            line[strlen(keys[which])] != ':')) {
        which++;
    }
    if (which == sizeof keys / sizeof keys[0]) {
        return false;
    }
    char *value = text_trim(line + strlen(keys[which]) + 1);
    switch (which) {
    case 0:
        begin_set(vectors, value);
        break;
    case 1:
        snprintf(vectors->delimiter, sizeof vectors->delimiter, "%s", value);
        break;
    case 2:
        snprintf(vectors->hostname, sizeof vectors->hostname, "%s", value);
        break;
    case 3:
        snprintf(vectors->myorigin, sizeof vectors->myorigin, "%s", value);
        break;
    case 4:
        snprintf(vectors->mydestination, sizeof vectors->mydestination, "%s", value);
        break;
    case 5:
        add_accounts(vectors, value);
        break;
    case 6:
        vectors->has_aliases = true;
        vectors->section = &vectors->aliases;
        break;
    default:
        vectors->has_patterns = true;
        vectors->section = &vectors->patterns;
        break;
    }
    return true;
}

/* As resolve_address, but without a usable alias table when snapshot is NULL. */
static const struct expansion *resolve_with(struct arena *arena,
                                            const struct address *address,
                                            const struct snapshot *snapshot,
                                            const struct directory_settings *settings)
{
    if (snapshot != NULL) {
        return resolve_address(arena, address, snapshot);
    }
    struct resolve *resolve = resolve_begin(arena, address, settings);
    while (resolve_next(resolve) != NULL) {
        struct answer answer = {.kind = ANSWER_FAILED, .reason = "table cannot be used"};
        resolve_answer(resolve, &answer);
    }
    return resolve_result(resolve);
}

static const char *join(struct arena *arena, const struct expansion *expansion)
{
    const char *text = "";
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        text = arena_format(arena, "%s%s%s", text, i > 0 ? " | " : "",
                            expansion->recipients[i].address);
    }
    return text;
}

/* What the vectors would say of this outcome; want decides between spellings of it. */
static const char *describe(struct arena *arena, const struct vectors *vectors,
                            const char *input, const char *want)
{
    const struct directory_settings *settings = &vectors->volume.settings;
    struct address address;
    struct error error = {0};
    if (!address_parse(arena, input, &settings->rules, &address, &error)) {
        return "(syntax)";
    }
    const struct expansion *expansion =
        resolve_with(arena, &address, vectors->snapshot, settings);
    switch (expansion->status) {
    case EXPANSION_UNKNOWN:
        return "(unknown)";
    case EXPANSION_ERROR:
        return expansion->fault == FAULT_SYNTAX ? "(syntax)"
               : expansion->fault == FAULT_TABLE && strcmp(want, "(error)") != 0
                   ? "(table)"
                   : "(error)";
    case EXPANSION_RELAY:
        return strchr(want, ';') == NULL
                   ? "(relay)"
                   : arena_format(arena, "(relay; trusted client: %s)",
                                  join(arena, expansion));
    case EXPANSION_OK:
        break;
    }
    return join(arena, expansion);
}

static void check_line(struct vectors *vectors, char *line)
{
    char *arrow = strstr(line, " -> ");
    assert_non_null(arrow);
    *arrow = '\0';
    const char *want = text_trim(arrow + strlen(" -> "));
    struct arena *arena = arena_new();
    const char *got = describe(arena, vectors, line, want);
    vectors->checked++;
    if (strcmp(got, want) != 0) {
        vectors->failed++;
        print_error("%s: %s\n    got  %s\n    want %s\n", vectors->name, line, got, want);
    }
    arena_free(&arena);
}

static void postfix_agrees(void **state)
{
    (void)state;
    char path[] = __FILE__;
    *strrchr(path, '/') = '\0';
    char name[LINE_BYTES];
    snprintf(name, sizeof name, "%s/data/resolve.vectors", path);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    struct vectors vectors = {0};
    buffer_init(&vectors.accounts, FILE_BYTES);
    buffer_init(&vectors.aliases, FILE_BYTES);
    buffer_init(&vectors.patterns, FILE_BYTES);
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "  ", 2) == 0 && vectors.section != NULL) {
            buffer_append_text(vectors.section, line + 2);
        } else if (line[0] != '#' && line[0] != '\n' && !take_setting(&vectors, line)) {
            if (!vectors.loaded) {
                load_set(&vectors);
            }
            check_line(&vectors, line);
        }
    }
    fclose(file);
    snapshot_release(&vectors.snapshot);
    buffer_deinit(&vectors.accounts);
    buffer_deinit(&vectors.aliases);
    buffer_deinit(&vectors.patterns);
    print_message("%d vectors\n", vectors.checked);
    assert_true(vectors.checked > 200);
    assert_int_equal(vectors.failed, 0);
}

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

static const struct expansion *resolve_text(struct arena *arena, const char *typed,
                                            const struct snapshot *snapshot,
                                            const struct volume *volume)
{
    struct address address;
    struct error error = {0};
    assert_true(address_parse(arena, typed, &volume->settings.rules, &address, &error));
    return resolve_address(arena, &address, snapshot);
}

/* `class mailbox address < via(match) < via(match)` of every recipient. */
static const char *describe_paths(struct arena *arena, const struct expansion *expansion)
{
    const char *text = "";
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        text = arena_format(arena, "%s%s%s %s %s", text, i > 0 ? "; " : "",
                            recipient_class_name(recipient->class),
                            recipient->mailbox != NULL ? recipient->mailbox : "-",
                            recipient->address);
        for (size_t j = 0; j < recipient->via_count; j++) {
            text = arena_format(arena, "%s < %s(%s)", text, recipient->via[j].address,
                                match_kind_name(recipient->via[j].match));
        }
    }
    return text;
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

/* A source that fails at its n-th question: the outcome is an error, never a wrong answer.
 */
static void a_failed_source_is_no_answer(void **state)
{
    (void)state;
    struct volume volume;
    struct snapshot *snapshot = load(
        &volume, "team@example.com bob@example.com,x@remote.test\n", "/^re@/ x@y.test\n");
    size_t questions = SIZE_MAX;
    for (size_t failing = 0; failing < questions; failing++) {
        struct arena *arena = arena_new();
        struct address address;
        address_from_internal(arena, "team+t@example.com", &volume.settings.rules,
                              &address);
        struct resolve *resolve = resolve_begin(arena, &address, &volume.settings);
        size_t asked = 0;
        for (const struct question *question; (question = resolve_next(resolve)) != NULL;) {
            struct answer answer = snapshot_answer(snapshot, question, arena);
            if (asked++ == failing) {
                answer = (struct answer){.kind = ANSWER_FAILED, .reason = "server is away"};
            }
            resolve_answer(resolve, &answer);
        }
        const struct expansion *expansion = resolve_result(resolve);
        if (asked <= failing) {
            questions = asked;
            assert_int_equal(expansion->status, EXPANSION_OK);
            assert_int_equal(expansion->recipient_count, 2);
        } else {
            assert_int_equal(expansion->status, EXPANSION_ERROR);
            assert_int_equal(expansion->fault, FAULT_TABLE);
            assert_string_equal(expansion->fault_reason, "server is away");
            assert_int_equal(expansion->recipient_count, 0);
        }
        arena_free(&arena);
    }
    assert_true(questions > 10);
    snapshot_release(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postfix_agrees),
        cmocka_unit_test(tells_class_mailbox_and_path),
        cmocka_unit_test(keeps_postfix_limits),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(a_failed_source_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
