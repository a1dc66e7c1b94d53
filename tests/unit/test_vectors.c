/* SPDX-License-Identifier: MIT */
/* What Postfix itself said: data/resolve.vectors. */
#include "directory/resolve.h"

#include "base/buffer.h"
#include "base/text.h"
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LINE_BYTES = 4096, FILE_BYTES = 1 << 20, RECIPIENTS_MAX = 64 };

/* One set of data/resolve.vectors while it is read. */
struct vectors {
    char name[LINE_BYTES];
    char delimiter[16];
    char hostname[256], myorigin[256], mydestination[256], postmaster[256];
    struct buffer accounts, aliases, patterns, local_aliases;
    bool has_aliases, has_patterns, has_local_aliases;
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
    buffer_clear(&vectors->local_aliases);
    vectors->postmaster[0] = '\0';
    vectors->has_aliases = vectors->has_patterns = vectors->has_local_aliases = false;
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
    settings->postmaster = vectors->postmaster[0] != '\0' ? vectors->postmaster : NULL;
    volume_write(&vectors->volume, "postfix-accounts.cf", vectors->accounts.data);
    if (vectors->has_aliases) {
        volume_write(&vectors->volume, "postfix-virtual.cf", vectors->aliases.data);
    }
    if (vectors->has_patterns) {
        volume_write(&vectors->volume, "postfix-regexp.cf", vectors->patterns.data);
    }
    if (vectors->has_local_aliases) {
        volume_write(&vectors->volume, "postfix-aliases.cf", vectors->local_aliases.data);
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

/* What the word before a line's colon means, with the place where its value goes. */
struct setting {
    const char *key;
    char *text;
    size_t size;
    struct buffer *section;
    bool *given;
};

static void take_value(struct vectors *vectors, const struct setting *setting, char *value)
{
    if (strcmp(setting->key, "name") == 0) {
        begin_set(vectors, value);
    } else if (strcmp(setting->key, "accounts") == 0) {
        add_accounts(vectors, value);
    } else if (setting->section != NULL) {
        *setting->given = true;
        vectors->section = setting->section;
    } else {
        snprintf(setting->text, setting->size, "%s", value);
    }
}

/* `key: value`; false when the line is none of these. */
static bool take_setting(struct vectors *vectors, char *line)
{
    const struct setting settings[] = {
        {.key = "name"},
        {.key = "accounts"},
        {"delimiter", vectors->delimiter, sizeof vectors->delimiter, NULL, NULL},
        {"hostname", vectors->hostname, sizeof vectors->hostname, NULL, NULL},
        {"myorigin", vectors->myorigin, sizeof vectors->myorigin, NULL, NULL},
        {"mydestination", vectors->mydestination, sizeof vectors->mydestination, NULL,
         NULL},
        {"postmaster", vectors->postmaster, sizeof vectors->postmaster, NULL, NULL},
        {"virtual", NULL, 0, &vectors->aliases, &vectors->has_aliases},
        {"regexp", NULL, 0, &vectors->patterns, &vectors->has_patterns},
        {"aliases", NULL, 0, &vectors->local_aliases, &vectors->has_local_aliases},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        size_t length = strlen(settings[i].key);
        if (strncmp(line, settings[i].key, length) == 0 && line[length] == ':') {
            take_value(vectors, &settings[i], text_trim(line + length + 1));
            return true;
        }
    }
    return false;
}

/* As resolve_address, but without a usable alias table when snapshot is NULL. */
static const struct expansion *resolve_with(struct arena *arena,
                                            const struct address *address,
                                            const struct snapshot *snapshot,
                                            const struct directory_settings *settings)
{
    if (snapshot != NULL) {
        return resolve_address(arena, address, &(struct directory){.snapshot = snapshot});
    }
    struct resolve *resolve = resolve_begin(arena, address, settings);
    while (resolve_next(resolve) != NULL) {
        struct answer answer = {.kind = ANSWER_FAILED, .reason = "table cannot be used"};
        resolve_answer(resolve, &answer);
    }
    return resolve_result(resolve);
}

/* Ends in local delivery are marked where the set has local aliases. */
static const char *describe_recipient(struct arena *arena, const struct vectors *vectors,
                                      const struct expanded_recipient *recipient)
{
    bool is_local_end = recipient->class == CLASS_LOCAL ||
                        (recipient->class == CLASS_UNKNOWN && recipient->note != NULL);
    if (!vectors->has_local_aliases || !is_local_end) {
        return recipient->address;
    }
    bool has_note = recipient->class == CLASS_LOCAL && recipient->note != NULL;
    return arena_format(arena, "[%s %s%s%s]", recipient_class_name(recipient->class),
                        recipient->address, has_note ? ": " : "",
                        has_note ? recipient->note : "");
}

static int compare_words(const void *left, const void *right)
{
    const char *a;
    const char *b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return strcmp(a, b);
}

/* Sorted where the order does not count. */
static const char *join_words(struct arena *arena, const struct vectors *vectors,
                              const char **words, size_t count)
{
    const char *text = "";
    if (vectors->has_local_aliases) {
        qsort(words, count, sizeof *words, compare_words);
    }
    for (size_t i = 0; i < count; i++) {
        text = arena_format(arena, "%s%s%s", text, i > 0 ? " | " : "", words[i]);
    }
    return text;
}

static const char *join(struct arena *arena, const struct vectors *vectors,
                        const struct expansion *expansion)
{
    size_t count = expansion->recipient_count;
    const char **words = arena_array(arena, count, sizeof *words);
    for (size_t i = 0; i < count; i++) {
        words[i] = describe_recipient(arena, vectors, &expansion->recipients[i]);
    }
    return join_words(arena, vectors, words, count);
}

/* The recipients of a line in the order in which join writes them. */
static const char *normalize(struct arena *arena, const struct vectors *vectors,
                             const char *want)
{
    char *rest = arena_copy(arena, want);
    const char *words[RECIPIENTS_MAX];
    size_t count = 0;
    while (rest != NULL) {
        assert_true(count < RECIPIENTS_MAX);
        char *bar = strstr(rest, " | ");
        words[count++] = rest;
        rest = bar != NULL ? bar + strlen(" | ") : NULL;
        if (bar != NULL) {
            *bar = '\0';
        }
    }
    return join_words(arena, vectors, words, count);
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
        if (strstr(expansion->fault_reason, "put off") != NULL) {
            return "(put off)";
        }
        return expansion->fault == FAULT_SYNTAX ? "(syntax)"
               : expansion->fault == FAULT_TABLE && strcmp(want, "(error)") != 0
                   ? "(table)"
                   : "(error)";
    case EXPANSION_RELAY:
        return strchr(want, ';') == NULL
                   ? "(relay)"
                   : arena_format(arena, "(relay; trusted client: %s)",
                                  join(arena, vectors, expansion));
    case EXPANSION_OK:
        break;
    }
    return join(arena, vectors, expansion);
}

static void check_line(struct vectors *vectors, char *line)
{
    char *arrow = strstr(line, " -> ");
    assert_non_null(arrow);
    *arrow = '\0';
    struct arena *arena = arena_new();
    const char *want = normalize(arena, vectors, text_trim(arrow + strlen(" -> ")));
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
    buffer_init(&vectors.local_aliases, FILE_BYTES);
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
    buffer_deinit(&vectors.local_aliases);
    print_message("%d vectors\n", vectors.checked);
    assert_true(vectors.checked > 300);
    assert_int_equal(vectors.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postfix_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
