/* SPDX-License-Identifier: MIT */
#include "directory/lint.h"

#include "base/text.h"
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LINE_BYTES = 1024 };

enum { ACCOUNTS, VIRTUAL, REGEXP, ALIASES, QUOTAS, MAIN, DOVECOT, GRANTS, FILES };

static const char *const names[FILES] = {
    "postfix-accounts.cf", "postfix-virtual.cf", "postfix-regexp.cf", "postfix-aliases.cf",
    "dovecot-quotas.cf",   "postfix-main.cf",    "dovecot.cf",        "may-send-as"};

/* A volume, and what the operator told about it. NULL: as usual. */
struct given {
    const char *texts[FILES]; /* "" : an empty file */
    const char *postmaster, *mydestination, *delimiters, *others;
    bool lacks_accounts;
};

static void write_given(struct volume *volume, const struct given *given, char path[512])
{
    static const char *const usual[FILES] = {[ACCOUNTS] =
                                                 "alice@x.test|SECRET\nbob@x.test|SECRET\n",
                                             [ALIASES] = "postmaster: alice@x.test\n"};

    struct directory_settings *settings = &volume->settings;
    for (size_t i = 0; i < FILES; i++) {
        const char *text = given->texts[i] != NULL ? given->texts[i] : usual[i];
        if (text != NULL && (i != ACCOUNTS || !given->lacks_accounts)) {
            volume_write(volume, names[i], text);
        }
    }
    settings->postmaster = given->postmaster;
    settings->others = given->others != NULL;
    if (given->mydestination != NULL) {
        settings->mydestination = given->mydestination;
    }
    if (given->delimiters != NULL) {
        settings->rules.delimiters = given->delimiters;
        settings->delimiters_given = true;
    }
    if (given->texts[GRANTS] != NULL) {
        snprintf(path, 512, "%s/%s", volume->path, names[GRANTS]);
        settings->may_send_as = path;
    }
}

/* In arena; the names of files without the folder. */
static struct finding_list *lint(struct arena *arena, const struct given *given)
{
    struct volume volume;
    char path[512];
    struct finding_list *findings = arena_alloc(arena, sizeof *findings);
    findings->arena = arena;
    volume_begin(&volume);
    write_given(&volume, given, path);
    struct snapshot *snapshot = dms_read(&volume.settings, findings);
    lint_snapshot(snapshot, findings);
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *finding = &findings->entries[i];
        const char *slash = strrchr(finding->file, '/');
        finding->file = arena_copy(arena, slash != NULL ? slash + 1 : finding->file);
        assert_true(finding->message[0] != '\0' && finding->remedy[0] != '\0');
        assert_null(strstr(finding->message, "SECRET"));
        assert_null(strstr(finding->remedy, "SECRET"));
    }
    snapshot_release(&snapshot);
    volume_end(&volume);
    return findings;
}

static const char *describe(struct arena *arena, const struct finding_list *findings)
{
    const char *text = "";
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->entries[i];
        text = arena_format(arena, "%s\n    %s %s %s:%d %s", text, finding->code,
                            finding_severity_name(finding->severity), finding->file,
                            finding->line, finding->message);
    }
    return text;
}

/* How many findings of the code, and the first. */
static size_t count(const struct finding_list *findings, const char *code,
                    const struct finding **first)
{
    size_t found = 0;
    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->entries[i].code, code) == 0 && found++ == 0) {
            *first = &findings->entries[i];
        }
    }
    return found;
}

/* One case of data/lint.cases while it is read. */
struct lint_case {
    struct arena *arena;
    const char *place; /* "code severity file:line" */
    const char *code;
    const char *says;
    struct given bad, near;
    struct given *given;  /* the one that is being read */
    const char **section; /* where indented lines go */
    int checked, failed;
};

static void check_case(struct lint_case *one)
{
    if (one->place == NULL) {
        return;
    }
    const struct finding *found = NULL;
    const struct finding_list *findings = lint(one->arena, &one->bad);
    size_t times = count(findings, one->code, &found);
    const char *got = times == 1 ? arena_format(one->arena, "%s %s %s:%d", found->code,
                                                finding_severity_name(found->severity),
                                                found->file, found->line)
                                 : "";
    if (strcmp(got, one->place) != 0 || strstr(found->message, one->says) == NULL) {
        print_error("%s\n    says %s\n  got%s\n", one->place, one->says,
                    describe(one->arena, findings));
        one->failed++;
    }
    findings = lint(one->arena, &one->near);
    if (count(findings, one->code, &found) > 0) {
        print_error("near %s\n  got%s\n", one->place, describe(one->arena, findings));
        one->failed++;
    }
    one->checked++;
}

static void begin_case(struct lint_case *one, const char *place)
{
    check_case(one);
    arena_reset(one->arena);
    one->place = arena_copy(one->arena, place);
    one->code = arena_copy_bytes(one->arena, place, strcspn(place, " "));
    one->says = "";
    one->bad = one->near = (struct given){0};
    one->given = &one->bad;
}

/* `[FILE]`, maybe with ` missing` behind it. */
static void begin_section(struct lint_case *one, const char *line)
{
    size_t i = 0;
    while (i < FILES && strncmp(line + 1, names[i], strlen(names[i])) != 0) {
        i++;
    }
    assert_true(i < FILES);
    one->section = &one->given->texts[i];
    *one->section = "";
    one->given->lacks_accounts = strstr(line, "] missing") != NULL;
}

static void take_line(struct lint_case *one, char *line)
{
    static const char finding[] = "finding: ";
    static const char says[] = "says: ";
    line[strcspn(line, "\n")] = '\0';
    char *equals = strstr(line, " = ");
    if (strncmp(line, "  ", 2) == 0) {
        *one->section = arena_format(one->arena, "%s%s\n", *one->section, line + 2);
    } else if (strncmp(line, finding, strlen(finding)) == 0) {
        begin_case(one, line + strlen(finding));
    } else if (strncmp(line, says, strlen(says)) == 0) {
        one->says = arena_copy(one->arena, line + strlen(says));
    } else if (strcmp(line, "near:") == 0) {
        one->given = &one->near;
    } else if (line[0] == '[') {
        begin_section(one, line);
    } else if (equals != NULL) {
        const char *value = arena_copy(one->arena, equals + strlen(" = "));
        *(line[0] == 'p'   ? &one->given->postmaster
          : line[0] == 'm' ? &one->given->mydestination
          : line[0] == 'o' ? &one->given->others
                           : &one->given->delimiters) = value;
    } else {
        assert_true(line[0] == '#' || line[0] == '\0');
    }
}

static void finds_what_is_wrong(void **state)
{
    (void)state;
    char path[] = __FILE__;
    char name[LINE_BYTES];
    char line[LINE_BYTES];
    *strrchr(path, '/') = '\0';
    snprintf(name, sizeof name, "%s/data/lint.cases", path);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    struct lint_case one = {.arena = arena_new()};
    while (fgets(line, sizeof line, file) != NULL) {
        take_line(&one, line);
    }
    check_case(&one);
    fclose(file);
    arena_free(&one.arena);
    print_message("%d cases\n", one.checked);
    assert_true(one.checked > 80);
    assert_int_equal(one.failed, 0);
}

/* Whatever is allowed, all in one. */
static void finds_nothing_in_a_sound_volume(void **state)
{
    (void)state;
    static const struct given sound = {
        .texts[ACCOUNTS] =
            "# accounts\nalice@x.test|S\nbob@x.test|S|userdb_quota_rule=*:bytes=1G\n"
            "carol@y.test|S\nj.doe@y.test|S\n",
        .texts[VIRTUAL] =
            "# aliases\ninfo@x.test alice@x.test\nteam@x.test alice@x.test, "
            "bob@x.test far@remote.test\ninfo+tag@x.test bob+tag@x.test\n"
            "bob@x.test bob@x.test, copy@remote.test\n@y.test carol@y.test\n"
            "j.doe@y.test j.doe@y.test\n@z.test @x.test\n"
            "trash@x.test devnull\nroot alice@x.test\n"
            "\"two words\"@x.test alice@x.test\nnews@lists.y.test carol@y.test\n"
            "hostmaster@mail.example.test info@x.test\n",
        .texts[REGEXP] =
            "if /@x\\.test$/\n/^re(\\d+)@/ alice+$1@x.test\n/^sales-.*@/ team@x.test\n"
            "endif\n/^([^@]+)-list@y\\.test$/ $1@lists.remote.test\n",
        .texts[ALIASES] =
            "postmaster: root\ndevnull: /dev/null\nrobot: \"|/usr/bin/robot # x\"\n",
        .texts[QUOTAS] = "alice@x.test:10G\ncarol@y.test:0\n",
        .texts[MAIN] = "message_size_limit = 1000\n",
        .texts[DOVECOT] = "protocol lmtp {\n}\n",
        .texts[GRANTS] = "alice@x.test: @y.test, far@remote.test\n",
        .postmaster = "alice@x.test",
    };
    struct arena *arena = arena_new();
    const struct finding_list *findings = lint(arena, &sound);
    if (findings->count > 0) {
        fail_msg("got%s", describe(arena, findings));
    }
    arena_free(&arena);
}

/* A text of count lines, each made of format with its number and the next one. */
static char *make_lines(struct arena *arena, const char *format, size_t lines)
{
    size_t room = lines * 80 + 1;
    char *text = arena_alloc(arena, room);
    size_t used = 0;
    for (size_t i = 0; i < lines; i++) {
        for (const char *c = format; *c != '\0'; c++) {
            size_t number = *c == '#' ? i : i + 1;
            if (*c == '#' || *c == '%') {
                used += (size_t)snprintf(text + used, room - used, "%zu", number);
            } else {
                text[used++] = *c;
            }
        }
    }
    return text;
}

static void reports_limits_that_are_passed(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    const struct finding *found = NULL;
    const char *list = make_lines(arena, "m#@remote.test ", 1001);
    struct given given = {.texts[VIRTUAL] = arena_format(arena, "all@x.test %s\n", list)};
    const struct finding_list *findings = lint(arena, &given);
    assert_int_equal(count(findings, "too-large", &found), 1);
    assert_int_equal(found->severity, FINDING_ERROR);
    assert_int_equal(found->line, 1);
    assert_non_null(strstr(found->message, "more than 1000 addresses"));

    list = make_lines(arena, "m#@remote.test ", 1000);
    given.texts[VIRTUAL] = arena_format(arena, "all@x.test %s\n", list);
    assert_int_equal(count(lint(arena, &given), "too-large", &found), 0);

    /* A chain that is too long, but no circle. */
    given.texts[VIRTUAL] = arena_format(arena, "%sc1001@x.test bob@x.test\n",
                                        make_lines(arena, "c#@x.test c%@x.test\n", 1001));
    findings = lint(arena, &given);
    assert_int_equal(count(findings, "too-large", &found), 3);
    assert_int_equal(found->line, 1);
    assert_non_null(strstr(found->message, "more than 1000 steps"));
    assert_int_equal(count(findings, "loop", &found), 0);

    /* What only Foregate refuses: eight hundred steps, and then to each of a list. */
    char *longest = arena_alloc(arena, 801);
    memset(longest, 'x', 800);
    given = (struct given){.texts[VIRTUAL] = arena_format(
                               arena, "all@x.test %s@x.test\nx@x.test %s\n%s", longest,
                               make_lines(arena, "m#@x.test ", 300),
                               make_lines(arena, "m#@x.test r#@remote.test\n", 300)),
                           .texts[REGEXP] = "/^(x*)xx@x\\.test$/ ${1}x@x.test\n"};
    findings = lint(arena, &given);
    assert_int_equal(count(findings, "too-large", &found), 1);
    assert_int_equal(found->line, 1);
    assert_non_null(strstr(found->message, "200000 steps altogether: Foregate refuses"));

    given = (struct given){.texts[ALIASES] = make_lines(arena, "c#: c%\n", 30)};
    findings = lint(arena, &given);
    assert_int_equal(count(findings, "too-large", &found), 6);
    assert_string_equal(found->file, names[ALIASES]);
    assert_non_null(strstr(found->message, "more than 25 names"));
    arena_free(&arena);
}

/* The members of a loop, and what leads into it, by the thousand: one finding. */
static void reports_a_loop_once(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    const struct finding *found = NULL;
    const struct given given = {
        .texts[VIRTUAL] = arena_format(arena, "%sc50@x.test c0@x.test\n%s",
                                       make_lines(arena, "c#@x.test c%@x.test\n", 50),
                                       make_lines(arena, "in#@x.test c%@x.test\n", 49))};
    const struct finding_list *findings = lint(arena, &given);
    assert_int_equal(count(findings, "loop", &found), 1);
    assert_int_equal(found->line, 1);
    assert_non_null(strstr(found->message, "c0@x.test -> c1@x.test -> "));
    assert_non_null(strstr(found->message, "(43 more) -> c0@x.test:"));
    assert_int_equal(findings->count, 1);
    arena_free(&arena);
}

/* The same mistake everywhere does not crowd out others. */
static void keeps_some_of_each_kind(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    const struct finding *found = NULL;
    const struct given given = {.texts[VIRTUAL] = arena_format(
                                    arena, "%sa@x.test a@x.test, b@x.test\nb@x.test <>\n",
                                    make_lines(arena, "n#@x.test gone@x.test\n", 3000))};
    const struct finding_list *findings = lint(arena, &given);
    assert_int_equal(count(findings, "dangling-target", &found), FINDINGS_KEPT_MAX);
    assert_int_equal(count(findings, "nobody", &found), 1);
    assert_int_equal(finding_count(findings, FINDING_ERROR), 3002);
    arena_free(&arena);
}

static void ends_when_its_budget_is_spent(void **state)
{
    (void)state;
    struct volume volume;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    const struct finding *found = NULL;
    volume_begin(&volume);
    volume_write(&volume, names[ACCOUNTS], "alice@x.test|S\n");
    volume_write(&volume, names[VIRTUAL], make_lines(arena, "n#@x.test n%@x.test\n", 900));
    volume_write(&volume, names[QUOTAS], "alice@x.test:1G\n");
    struct snapshot *snapshot = dms_read(&volume.settings, &findings);
    for (size_t budget = 0; budget < 4000; budget += 1 + budget / 8) {
        findings = (struct finding_list){.arena = arena};
        lint_snapshot_within(snapshot, budget, &findings);
        assert_int_equal(count(&findings, "check-incomplete", &found), 1);
    }
    assert_int_equal(found->severity, FINDING_WARNING);
    assert_string_equal(found->file, names[VIRTUAL]);
    findings = (struct finding_list){.arena = arena};
    lint_snapshot_within(snapshot, 10 * 1000 * 1000, &findings);
    assert_int_equal(count(&findings, "check-incomplete", &found), 0);
    snapshot_release(&snapshot);
    volume_end(&volume);
    arena_free(&arena);
}

/* Sizes at which anything that grows with the square would take minutes. */
static void is_fast_enough(void **state)
{
    (void)state;

    enum { COUNT = 20000 };
    struct arena *arena = arena_new();
    const struct finding *found = NULL;
    const struct given given = {
        .texts[ACCOUNTS] = make_lines(arena, "a.b#@x.test|S\n", COUNT),
        .texts[VIRTUAL] = arena_format(arena, "@x.test all@remote.test\n%s",
                                       make_lines(arena, "c#@x.test a.b#@x.test\n", COUNT)),
        .texts[REGEXP] = "/^(.*)-list@x\\.test$/ $1@lists.remote.test\n",
        .texts[QUOTAS] =
            arena_format(arena, "%s%s", make_lines(arena, "aab#@x.test:5G\n", COUNT / 2),
                         make_lines(arena, "a.b#@x.test:1G\n", COUNT)),
        .texts[ALIASES] = "postmaster: /dev/null\n",
    };
    const struct finding_list *findings = lint(arena, &given);
    assert_int_equal(count(findings, "catch-all-swallows-accounts", &found), 1);
    assert_non_null(strstr(found->message, ": 20000 get none (a.b0@x.test, "));
    assert_int_equal(count(findings, "quota-of-another", &found), FINDINGS_KEPT_MAX);
    assert_int_equal(finding_count(findings, FINDING_ERROR), 1);
    arena_free(&arena);
}

/* Texts in front of colons that are alike for long. */
static void sorts_lines_of_colons(void **state)
{
    (void)state;

    enum { COLONS = 200000, LINES = 4000 };
    struct arena *arena = arena_new();
    const struct finding *found = NULL;
    char *colons = arena_alloc(arena, COLONS + 1);
    memset(colons, ':', COLONS);
    struct given given = {.texts[QUOTAS] = arena_format(
                              arena, "%s\nlalice@x.test:1G\n%s", colons,
                              make_lines(arena, "::::::::::::::::::::::::::::#\n", LINES))};
    assert_int_equal(count(lint(arena, &given), "quota-of-another", &found), 1);
    assert_int_equal(found->line, 2);
    memset(colons, 'a', COLONS);
    given.texts[QUOTAS] = arena_format(arena, "%s:1G\n%salice@x.test:1G\n", colons, colons);
    assert_int_equal(count(lint(arena, &given), "quota-of-another", &found), 1);
    assert_int_equal(found->line, 2);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_wrong),
        cmocka_unit_test(finds_nothing_in_a_sound_volume),
        cmocka_unit_test(reports_limits_that_are_passed),
        cmocka_unit_test(reports_a_loop_once),
        cmocka_unit_test(keeps_some_of_each_kind),
        cmocka_unit_test(ends_when_its_budget_is_spent),
        cmocka_unit_test(is_fast_enough),
        cmocka_unit_test(sorts_lines_of_colons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
