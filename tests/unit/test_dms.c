/* SPDX-License-Identifier: MIT */
#include "directory/dms.h"

#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { TEXT_BYTES = 4096 };

/* What one volume gives: `accounts aliases patterns domains quotas`, then `file:line!code`
 * of every finding; or the error. */
static void describe(const char *accounts, const char *aliases, const char *patterns,
                     const char *quotas, char *text)
{
    struct volume volume;
    volume_begin(&volume);
    const char *const names[] = {"postfix-accounts.cf", "postfix-virtual.cf",
                                 "postfix-regexp.cf", "dovecot-quotas.cf"};
    const char *const contents[] = {accounts, aliases, patterns, quotas};
    for (size_t i = 0; i < 4; i++) {
        if (contents[i] != NULL) {
            volume_write(&volume, names[i], contents[i]);
        }
    }
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct error error = {0};
    struct snapshot *snapshot = dms_load(&volume.settings, &findings, &error);
    int used = 0;
    if (snapshot == NULL) {
        used = snprintf(text, TEXT_BYTES, "error");
        assert_true(error.text[0] != '\0');
        assert_true(finding_count(&findings, FINDING_ERROR) > 0);
    } else {
        struct snapshot_counts counts = snapshot_counts(snapshot);
        used = snprintf(text, TEXT_BYTES, "%zu %zu %zu %zu %zu", counts.accounts,
                        counts.aliases, counts.patterns, counts.domains, counts.quotas);
    }
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.entries[i];
        used += snprintf(text + used, (size_t)(TEXT_BYTES - used), " %.6s:%d!%s",
                         strchr(finding->file, '-') + 1, finding->line, finding->code);
        /* Whatever is wrong with a line: no hash in what an operator may post somewhere. */
        assert_null(strstr(finding->message, "SECRET"));
        assert_null(strstr(finding->remedy, "SECRET"));
    }
    assert_null(strstr(error.text, "SECRET"));
    snapshot_release(&snapshot);
    arena_free(&arena);
    volume_end(&volume);
}

static void reads_volumes(void **state)
{
    (void)state;

    static const struct {
        const char *name, *accounts, *aliases, *patterns, *quotas, *want;
    } cases[] = {
        {"accounts only", "a@x.test|{S}SECRET\nb@y.test|{S}SECRET|userdb_x=y\n", NULL, NULL,
         NULL, "2 0 0 2 0"},
        {"empty files", "", "", "", "", "0 0 0 0 0"},
        {"no accounts file", NULL, NULL, NULL, NULL, "error accoun:0!unreadable"},
        {"CRLF, comments, no last line end",
         "# x\r\n\r\n  # y\r\na@x.test|SECRET\r\nb@x.test|SECRET", NULL, NULL, NULL,
         "2 0 0 1 0"},
        {"everything", "a@x.test|SECRET\n", "al@x.test a@x.test\n@z.test @x.test\n",
         "/^re@/ a@x.test\n", "a@x.test:10G\n", "1 2 1 2 1"},
        {"duplicate account", "a@x.test|SECRET1\nA@x.test|SECRET2\n", NULL, NULL, NULL,
         "1 0 0 1 0 accoun:2!upper-case-account accoun:2!duplicate-key"},
        {"the same line twice", "a@x.test|SECRET1\na@x.test|SECRET2\n", NULL, NULL, NULL,
         "1 0 0 1 0 accoun:2!duplicate-account"},
        {"a comment behind targets", "a@x.test|SECRET\n", "b@x.test a@x.test # sales\n",
         NULL, NULL, "1 1 0 1 0 virtua:1!comment-in-value"},
        {"no bar", "a@x.test\n", NULL, NULL, NULL, "1 0 0 1 0 accoun:1!no-password"},
        {"hash without bar", "a@x.test:{S}SECRET\n{S}SECRET\n", NULL, NULL, NULL,
         "0 0 0 0 0 accoun:1!no-password accoun:1!domain-breaks-postfix "
         "accoun:1!bad-account accoun:2!no-password accoun:2!bad-account"},
        {"no domain, blank before, blank within",
         "a|SECRET\n b@x.test|SECRET\nc @x.test|S\n", NULL, NULL, NULL,
         "0 0 0 2 0 accoun:1!bad-account accoun:2!bad-account accoun:3!bad-account"},
        {"a key makes its domain ours", "a@x.test|SECRET\n",
         "b@y.test a@x.test\n@Z.test a@x.test\nbare a@x.test\n", NULL, NULL, "1 3 0 3 0"},
        {"a continuation line too", "a@x.test|SECRET\n",
         "b@x.test a@x.test,\n  c@remote.test\n", NULL, NULL,
         "1 1 0 2 0 virtua:2!continuation-line"},
        {"a quoted key with a blank does not", "a@x.test|SECRET\n",
         "\"b c\"@y.test a@x.test\n", NULL, NULL, "1 1 0 1 0"},
        {"line without value", "a@x.test|SECRET\n", "b@y.test\n", NULL, NULL,
         "1 0 0 2 0 virtua:1!no-value"},
        {"duplicate key", "a@x.test|SECRET\n", "b@x.test a@x.test\n\nB@x.test a@x.test\n",
         NULL, NULL, "error virtua:3!duplicate-key"},
        {"two duplicate keys", "a@x.test|SECRET\n", "b a\nc a\nb a\nc a\n", NULL, NULL,
         "error virtua:3!duplicate-key virtua:4!duplicate-key"},
        {"skipped rule", "a@x.test|SECRET\n", NULL, "/(/ x\n/a/ b\n", NULL,
         "1 0 1 1 0 regexp:1!bad-pattern"},
        {"quotas", "a@x.test|SECRET\n", NULL, NULL,
         "A@x.test:5M\n#a@x.test:1G\na@x.test\na@x.test:lots\nb@x.test:0\na@x.test:1024\n",
         "1 0 0 1 1 quotas:3!bad-quota quotas:4!bad-quota quotas:5!quota-without-account "
         "quotas:6!duplicate-quota"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[TEXT_BYTES];
        describe(cases[i].accounts, cases[i].aliases, cases[i].patterns, cases[i].quotas,
                 got);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s\n    got  %s\n    want %s", cases[i].name, got, cases[i].want);
        }
    }
}

static void names_both_lines_of_a_duplicate(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    volume_write(&volume, "postfix-virtual.cf",
                 "b@x.test a\n# c\nd@x.test a\nB@x.test c\n");
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "postfix-virtual.cf"));
    assert_non_null(strstr(error.text, "b@x.test"));
    assert_non_null(strstr(error.text, "line 1 "));
    assert_non_null(strstr(error.text, "line 4:"));
    assert_non_null(strstr(error.text, "write all targets in one line"));
    volume_end(&volume);
}

static void refuses_what_is_no_text_file(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    char path[512];
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    volume_write_bytes(&volume, "postfix-virtual.cf", "a b\nc\0d e\n", 10);
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_non_null(strstr(error.text, "postfix-virtual.cf: line 2 holds a NUL byte"));

    volume_write(&volume, "postfix-virtual.cf", "");
    snprintf(path, sizeof path, "%s/postfix-regexp.cf", volume.path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_non_null(strstr(error.text, "postfix-regexp.cf: is not a regular file"));
    assert_int_equal(rmdir(path), 0);

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_non_null(strstr(error.text, "postfix-regexp.cf: is not a regular file"));
    assert_int_equal(unlink(path), 0);

    volume_write(&volume, "postfix-regexp.cf", "");
    assert_int_equal(truncate(path, (off_t)1025 << 20), 0);
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_non_null(strstr(error.text, "postfix-regexp.cf: is larger than 1024 MiB"));
    volume_end(&volume);
}

static void reads_grants(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    char path[512];
    volume_begin(&volume);
    snprintf(path, sizeof path, "%s/may-send-as", volume.path);
    volume.settings.may_send_as = path;
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    assert_null(dms_load(&volume.settings, NULL, &error));
    assert_non_null(strstr(error.text, "does not exist"));

    volume_write(&volume, "may-send-as",
                 "# who: what\nA@x.test: News@y.test\na@x.test: @z.test, b@x.test\n"
                 "root@x.test:*\nno colon\nb@x.test: nonsense\n"
                 "c@x.test: user@, ok@y.test @\nc@x.test: a@b@y.test\n"
                 "c@x.test: @y.test.\nc@x.test: a@-y.test\nc@x.test: **\n"
                 "c@x.test: @b@y.test, \"a@b\"@y.test\nc@x.test: @@\n"
                 "c@x.test: a@m\xc3\xbcller.test\n: a@y.test\nname: a@y.test\n");
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    struct snapshot *snapshot = dms_load(&volume.settings, &findings, &error);
    assert_non_null(snapshot);
    static const int bad_lines[] = {5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 15};
    assert_int_equal(findings.count, sizeof bad_lines / sizeof bad_lines[0]);
    for (size_t i = 0; i < findings.count; i++) {
        assert_string_equal(findings.entries[i].code, "bad-grant");
        assert_string_equal(findings.entries[i].file, path);
        assert_int_equal(findings.entries[i].line, bad_lines[i]);
        assert_non_null(strstr(findings.entries[i].remedy, "login: address"));
    }

    static const struct {
        const char *login, *address;
        int line;
    } cases[] = {
        {"a@x.test", "news@y.test", 2},
        {"a@x.test", "other@y.test", 0},
        {"a@x.test", "any+tag@Z.test", 3},
        {"a@x.test", "b@x.test", 3},
        {"root@x.test", "who@ever.test", 4},
        {"b@x.test", "b@x.test", 0},
        {"b@x.test", "nonsense", 0},
        {"c@x.test", "ok@y.test", 7},
        {"c@x.test", "a@b@y.test", 12},
        {"c@x.test", "a@m\xc3\xbcller.test", 14},
        {"c@x.test", "", 0},
        {"name", "a@y.test", 16},
        {"name", "b@y.test", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        address_from_internal(arena, cases[i].address, &volume.settings.rules, &address);
        assert_int_equal(snapshot_may_send_as(snapshot, cases[i].login, address.key),
                         cases[i].line);
    }
    snapshot_release(&snapshot);
    assert_null(snapshot);
    arena_free(&arena);
    volume_end(&volume);
}

static void fingerprint_follows_content(void **state)
{
    (void)state;
    struct volume volume;
    volume_begin(&volume);
    const struct directory_settings *settings = &volume.settings;
    struct dms_watch watch = {0};
    uint64_t nothing = dms_fingerprint(settings, &watch);
    assert_true(nothing == dms_fingerprint(settings, &watch));
    volume_write(&volume, "postfix-accounts.cf", "");
    uint64_t empty = dms_fingerprint(settings, &watch);
    assert_true(empty != nothing);
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    uint64_t one = dms_fingerprint(settings, &watch);
    assert_true(one != empty);
    /* The same text again, with another time of change, is no change. */
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|h\n");
    assert_true(one == dms_fingerprint(settings, &watch));
    volume_write(&volume, "postfix-accounts.cf", "");
    volume_write(&volume, "postfix-virtual.cf", "a@x.test|h\n");
    assert_true(one != dms_fingerprint(settings, &watch));
    volume_write(&volume, "postfix-virtual.cf", "");
    volume_write(&volume, "postfix-regexp.cf", "x");
    uint64_t other = dms_fingerprint(settings, &watch);
    volume_write(&volume, "unrelated", "x");
    assert_true(other == dms_fingerprint(settings, &watch));
    char path[512];
    snprintf(path, sizeof path, "%s/unrelated", volume.path);
    volume.settings.may_send_as = path;
    uint64_t grants = dms_fingerprint(settings, &watch);
    assert_true(other != grants);
    volume_write(&volume, "unrelated", "y");
    assert_true(grants != dms_fingerprint(settings, &watch));
    volume_end(&volume);
}

/* What the third column of the accounts, and dovecot-quotas.cf over it, say of a limit. */
static bool load_and_look(const struct volume *volume, struct dms_watch *watch)
{
    struct error error = {0};
    struct snapshot *snapshot = dms_load_watched(&volume->settings, watch, NULL, &error);
    bool loaded = snapshot != NULL;
    snapshot_release(&snapshot);
    return loaded;
}

/* A file that is away while others are read, and then back as it was. */
static void notices_what_was_away_during_a_load(void **state)
{
    (void)state;
    static const char *const files[] = {"postfix-accounts.cf", "postfix-virtual.cf",
                                        "dovecot-quotas.cf", "grants"};
    struct volume volume;
    char path[512];
    char away[512];
    volume_begin(&volume);
    snprintf(path, sizeof path, "%s/grants", volume.path);
    char *grants = strdup(path);
    volume.settings.may_send_as = grants;
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|SECRET\n");
    volume_write(&volume, "postfix-virtual.cf", "b@x.test a@x.test\n");
    volume_write(&volume, "dovecot-quotas.cf", "a@x.test:1G\n");
    volume_write(&volume, "grants", "a@x.test: *\n");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct dms_watch watch = {0};
        snprintf(path, sizeof path, "%s/%s", volume.path, files[i]);
        snprintf(away, sizeof away, "%s/away", volume.path);
        uint64_t before = dms_fingerprint(&volume.settings, &watch);
        assert_int_equal(rename(path, away), 0);
        bool required = i == 0 || i == 3;
        assert_int_equal(load_and_look(&volume, &watch), !required);
        assert_int_equal(rename(away, path), 0);
        assert_true(dms_fingerprint(&volume.settings, &watch) == before);
        assert_true(dms_was_disturbed(&watch));
        assert_true(load_and_look(&volume, &watch));
        assert_true(dms_fingerprint(&volume.settings, &watch) == before);
        assert_false(dms_was_disturbed(&watch));
    }
    /* Another one in its place, for a moment. */
    struct dms_watch watch = {0};
    snprintf(path, sizeof path, "%s/postfix-virtual.cf", volume.path);
    uint64_t before = dms_fingerprint(&volume.settings, &watch);
    assert_int_equal(rename(path, away), 0);
    volume_write(&volume, "postfix-virtual.cf", "c@x.test a@x.test\n");
    assert_true(load_and_look(&volume, &watch));
    assert_int_equal(rename(away, path), 0);
    assert_true(dms_fingerprint(&volume.settings, &watch) == before);
    assert_true(dms_was_disturbed(&watch));
    free(grants);
    volume_end(&volume);
}

static void tells_what_looks_cut(void **state)
{
    (void)state;

    static const struct {
        const char *before, *after;
        bool is_cut;       /* when it is written in its place */
        bool other_is_cut; /* when another one is put there */
    } cases[] = {
        {"a\n", "a\nb\n", false, false},
        {"a\nb\n", "a\n", true, false},
        {"a\nb\n", "c\nd\n", false, false},
        {"a\nb\n", "a\nb", true, true},
        {"a\n", "a\nb", true, true},
        {"a\nb\n", "", true, true},
        {"a", "b", false, false},
        {"a", "", true, true},
        {"", "a", false, false},
        {"a", "a\n", false, false},
        {"a\n", NULL, true, true},
        {NULL, "a", false, false},
        {"", NULL, false, false},
    };

    struct volume volume;
    char path[512];
    char other[512];
    volume_begin(&volume);
    snprintf(path, sizeof path, "%s/postfix-virtual.cf", volume.path);
    snprintf(other, sizeof other, "%s/other", volume.path);
    volume_write(&volume, "postfix-accounts.cf", "a@x.test|SECRET\n");
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct dms_watch before = {0};
        struct dms_watch after = {0};
        const char *name = i % 2 == 0 ? "postfix-virtual.cf" : "other";
        unlink(path);
        if (cases[i / 2].before != NULL) {
            volume_write(&volume, "postfix-virtual.cf", cases[i / 2].before);
        }
        dms_fingerprint(&volume.settings, &before);
        if (cases[i / 2].after == NULL) {
            unlink(path);
        } else {
            volume_write(&volume, name, cases[i / 2].after);
            assert_int_equal(i % 2 == 0 ? 0 : rename(other, path), 0);
        }
        dms_fingerprint(&volume.settings, &after);
        bool want = i % 2 == 0 ? cases[i / 2].is_cut : cases[i / 2].other_is_cut;
        if (dms_looks_cut(&before, &after) != want) {
            fail_msg("case %zu.%zu", i / 2, i % 2);
        }
        assert_true(dms_changed_within(&after, 60000));
    }
    volume_end(&volume);
}

static void reads_limits(void **state)
{
    (void)state;

    static const struct {
        const char *extra, *quota; /* NULL: none; of a@x.test */
        const char *limit;         /* NULL: none */
        const char *codes;         /* of the findings */
    } cases[] = {
        {NULL, NULL, NULL, ""},
        {"", NULL, NULL, ""},
        {"userdb_quota_rule=*:storage=100M", NULL, "100M", ""},
        {"userdb_quota_rule=*:bytes=5G", NULL, "5G", ""},
        {"userdb_quota_rule=*:bytes=1048576", NULL, "1048576", ""},
        {"userdb_quota_rule=*:storage=1024", NULL, "1024k", ""}, /* KiB by itself */
        {"userdb_quota_rule=*:storage=0", NULL, "0", ""},
        {"userdb_quota_storage_size=7T", NULL, "7T", ""},
        {"userdb_quota_storage_size=1024", NULL, "1024", ""},
        {"userdb_mail=mbox:~/mail userdb_quota_rule=*:storage=2g", NULL, "2g", ""},
        {"userdb_quota_rule=*:messages=1000:storage=2G", NULL, "2G", ""},
        {"userdb_quota_rule=*:storage=2G:messages=1000", NULL, "2G", ""},
        {"userdb_quota_rule=*:messages=1000", NULL, NULL, ""},
        {"userdb_quota_rule=*:storage=2G userdb_quota_rule=*:bytes=3G", NULL, "3G", ""},
        {"userdb_quota_rule=*:storage=5G userdb_quota_rule=*:messages=10", NULL, NULL, ""},
        {"userdb_quota_rule=*:messages=10 userdb_quota_rule=*:storage=5G", NULL, "5G", ""},
        {"userdb_quota_rule=*:storage=5G userdb_quota_rule=Trash:storage=1G", NULL, NULL,
         ""},
        {"userdb_quota_rule=*:storage=5G userdb_quota_rule2=*:messages=10", NULL, "5G", ""},
        {"userdb_quota_rule=*:storage=x userdb_quota_rule=*:messages=10", NULL, NULL, ""},
        {"userdb_quota_rule=Trash:storage=+100M", NULL, NULL, ""},
        {"userdb_quota_rule2=*:storage=2G", NULL, NULL, ""},
        {"quota_rule=*:storage=2G", NULL, NULL, ""},
        {"userdb_quota_rule=*:storage=", NULL, NULL, " bad-quota"},
        {"userdb_quota_rule=*:storage=SECRET", NULL, NULL, " bad-quota"},
        {"userdb_quota_rule=*:storage=10%", NULL, NULL, " bad-quota"},
        {"userdb_quota_storage_size=-1", NULL, NULL, " bad-quota"},
        {"userdb_quota_storage_size=00000000000000000000000000000000", NULL, NULL,
         " bad-quota"},
        {NULL, "a@x.test:5M", "5M", ""},
        {NULL, "A@X.test: 5M ", "5M", ""},
        {NULL, "a@x.test:0", "0", ""},
        {NULL, "a@x.test:5m\na@x.test:6M", "5m", " duplicate-quota"},
        {NULL, "a@x.test:5MB", NULL, " bad-quota"},
        {NULL, "b@x.test:5M", NULL, " quota-without-account"},
        {"userdb_quota_rule=*:storage=2G", "a@x.test:5M", "5M", " duplicate-quota"},
        {"userdb_quota_rule=*:storage=2G", "a@x.test:lots", "2G", " bad-quota"},
        {"userdb_quota_rule=*:storage=2G", "", "2G", ""},
        {"userdb_quota_storage_size=2G", "b@x.test:5M", "2G", " quota-without-account"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct volume volume;
        struct error error = {0};
        struct arena *arena = arena_new();
        struct finding_list findings = {.arena = arena};
        volume_begin(&volume);
        volume_write(&volume, "postfix-accounts.cf",
                     arena_format(arena, "A@x.test|{S}SECRET%s%s\n",
                                  cases[i].extra != NULL ? "|" : "",
                                  cases[i].extra != NULL ? cases[i].extra : ""));
        if (cases[i].quota != NULL) {
            volume_write(&volume, "dovecot-quotas.cf", cases[i].quota);
        }
        struct snapshot *snapshot = dms_load(&volume.settings, &findings, &error);
        assert_non_null(snapshot);
        const char *limit = snapshot_limit(snapshot, "a@x.test");
        const char *codes = "";
        for (size_t j = 1; j < findings.count; j++) { /* the first: a capital letter */
            codes = arena_format(arena, "%s %s", codes, findings.entries[j].code);
            assert_null(strstr(findings.entries[j].message, "SECRET"));
        }
        bool as_wanted = limit == NULL || cases[i].limit == NULL
                             ? limit == cases[i].limit
                             : strcmp(limit, cases[i].limit) == 0;
        if (!as_wanted || strcmp(codes, cases[i].codes) != 0) {
            fail_msg("%s, %s: got %s%s", cases[i].extra, cases[i].quota, limit, codes);
        }
        snapshot_release(&snapshot);
        arena_free(&arena);
        volume_end(&volume);
    }
}

static void takes_the_delimiter_of_the_volume(void **state)
{
    (void)state;
    struct volume volume;
    struct error error = {0};
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", "a-b@x.test|h\n");
    volume_write(&volume, "postfix-main.cf", "recipient_delimiter = -\n");
    struct snapshot *snapshot = dms_load(&volume.settings, &findings, &error);
    assert_string_equal(snapshot_settings(snapshot)->rules.delimiters, "-");
    snapshot_release(&snapshot);
    /* It decides how accounts are judged, and disagrees with Dovecot's own. */
    assert_int_equal(findings.count, 2);
    assert_string_equal(findings.entries[0].code, "delimiter-mismatch");
    assert_string_equal(findings.entries[1].code, "account-with-delimiter");

    volume_write(&volume, "dovecot.cf", "recipient_delimiter = -\n");
    volume.settings.delimiters_given = true;
    findings.count = 0;
    snapshot = dms_load(&volume.settings, &findings, &error);
    assert_string_equal(snapshot_settings(snapshot)->rules.delimiters, "+");
    snapshot_release(&snapshot);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.entries[0].file, "postfix-main.cf");
    arena_free(&arena);
    volume_end(&volume);
}

/* For a linter: what can be read is there, and what cannot is a finding. */
static void reads_on_behind_errors(void **state)
{
    (void)state;
    struct volume volume;
    struct arena *arena = arena_new();
    struct finding_list findings = {.arena = arena};
    volume_begin(&volume);
    volume_write(&volume, "postfix-virtual.cf", "b@x.test c\nb@x.test d\n");
    volume_write_bytes(&volume, "postfix-regexp.cf", "/a/ b\n\0", 7);
    volume_write(&volume, "postfix-aliases.cf", "sup: x\n");
    volume.settings.may_send_as = "/nonexistent";
    struct snapshot *snapshot = dms_read(&volume.settings, &findings);
    struct snapshot_counts counts = snapshot_counts(snapshot);
    assert_int_equal(counts.aliases, 1);
    assert_int_equal(counts.patterns, 1);
    assert_int_equal(counts.local_aliases, 1);
    assert_int_equal(finding_count(&findings, FINDING_ERROR), 4);
    assert_string_equal(findings.entries[0].file, "postfix-accounts.cf");
    assert_string_equal(findings.entries[1].code, "duplicate-key");
    assert_string_equal(findings.entries[2].file, "postfix-regexp.cf");
    assert_string_equal(findings.entries[3].file, "/nonexistent");
    snapshot_release(&snapshot);
    arena_free(&arena);
    volume_end(&volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_volumes),
        cmocka_unit_test(names_both_lines_of_a_duplicate),
        cmocka_unit_test(refuses_what_is_no_text_file),
        cmocka_unit_test(reads_grants),
        cmocka_unit_test(fingerprint_follows_content),
        cmocka_unit_test(tells_what_looks_cut),
        cmocka_unit_test(notices_what_was_away_during_a_load),
        cmocka_unit_test(reads_limits),
        cmocka_unit_test(takes_the_delimiter_of_the_volume),
        cmocka_unit_test(reads_on_behind_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
