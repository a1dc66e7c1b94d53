/* SPDX-License-Identifier: MIT */
/* postfix-accounts.cf: `login|hash|extra fields`. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

static bool has_space(const char *text)
{
    return text[strcspn(text, " \t\r\n\v\f")] != '\0';
}

/* Of Dovecot's auth_username_chars, with the letters folded. */
static bool is_login_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == '_' || c == '@';
}

static bool has_foreign_character(const char *login)
{
    while (is_login_character(*login)) {
        login++;
    }
    return *login != '\0';
}

static void check_login(const struct snapshot *snapshot, const char *login, int line,
                        struct finding_list *findings)
{
    const char *delimiters = snapshot->settings.rules.delimiters;
    size_t local_length = strcspn(login, "@");
    size_t base_length = strcspn(login, delimiters);
    if (text_has_upper(login)) {
        finding_add(findings, FINDING_ERROR, "upper-case-account", DMS_ACCOUNTS, line,
                    "The login holds capital letters: Postfix accepts mail for it, "
                    "Dovecot, which looks for small letters, bounces it",
                    "Write the login in small letters");
    }
    if (base_length > 0 && base_length < local_length) {
        finding_add_format(
            findings, FINDING_ERROR, "account-with-delimiter", DMS_ACCOUNTS, line,
            "Choose a login without it, or another recipient_delimiter in "
            "postfix-main.cf and dovecot.cf",
            "The login holds `%c`, which begins the detail of an address: Postfix accepts "
            "mail for it, Dovecot delivers to %.*s@, or bounces it when nobody has that",
            login[base_length], (int)base_length, login);
    } else if (has_foreign_character(login)) {
        finding_add(findings, FINDING_ERROR, "account-characters", DMS_ACCOUNTS, line,
                    "The login holds characters that Dovecot refuses (it allows letters, "
                    "digits and . - _ @): Postfix accepts mail for it, Dovecot bounces it",
                    "Choose a login of letters, digits, `.`, `-` and `_`");
    } else if (!address_domain_is_valid(login + local_length + 1)) {
        finding_add(findings, FINDING_ERROR, "bad-domain", DMS_ACCOUNTS, line,
                    "What stands behind the @ of the login is no domain name: Postfix "
                    "refuses mail for it with 501",
                    "Correct the domain");
    }
}

/* Longer than any limit that Dovecot takes. */
enum { LIMIT_BYTES = 32 };

/* What this part of a quota rule, or this field, says of bytes: false when it is about
 * something else. What does not fit is no limit either way. */
static bool take_limit(const char *text, const char *name, char limit[LIMIT_BYTES])
{
    if (strncmp(text, name, strlen(name)) != 0) {
        return false;
    }
    const char *value = text + strlen(name);
    snprintf(limit, LIMIT_BYTES, "%s", strlen(value) < LIMIT_BYTES ? value : "?");
    return true;
}

/* `*:storage=100M:messages=1000`; of parts about the same thing Dovecot takes the last. A
 * number alone is kibibytes in storage= and bytes in bytes=. False: it limits no bytes. */
static bool take_rule(char *rule, char limit[LIMIT_BYTES])
{
    bool found = false;
    char *rest = NULL;
    for (char *part = strtok_r(rule, ":", &rest); part != NULL;
         part = strtok_r(NULL, ":", &rest)) {
        if (take_limit(part, "storage=", limit)) {
            size_t length = strlen(limit);
            bool bare = strspn(limit, "0123456789") == length;
            if (bare && strspn(limit, "0") < length && length + 1 < LIMIT_BYTES) {
                memcpy(limit + length, "k", sizeof "k");
            }
            found = true;
        } else if (take_limit(part, "bytes=", limit)) {
            found = true;
        }
    }
    return found;
}

/* The limit among Dovecot's extra fields, of 2.3 (quota_rule) or 2.4 (quota_storage_size);
 * the last one counts. Of several rules only the last is one, whatever it says. */
static bool find_limit(char *extra, char limit[LIMIT_BYTES])
{
    static const char rule[] = "userdb_quota_rule=";
    static const char all[] = "*:"; /* and not one folder */
    bool found = false;
    char *rest = NULL;
    for (char *word = strtok_r(extra, " \t", &rest); word != NULL;
         word = strtok_r(NULL, " \t", &rest)) {
        if (strncmp(word, rule, strlen(rule)) == 0) {
            char *what = word + strlen(rule);
            found = strncmp(what, all, strlen(all)) == 0 &&
                    take_rule(what + strlen(all), limit);
        } else {
            found = take_limit(word, "userdb_quota_storage_size=", limit) || found;
        }
    }
    return found;
}

static void add_limit(struct snapshot *snapshot, const char *login, char *extra, int line,
                      struct finding_list *findings)
{
    char limit[LIMIT_BYTES];
    if (!find_limit(extra, limit)) {
        return;
    }
    if (dms_is_limit(limit)) {
        table_add(&snapshot->limits, login, limit, line);
    } else {
        finding_add(findings, FINDING_WARNING, "bad-quota", DMS_ACCOUNTS, line,
                    "The quota among the extra fields is no number with B, k, M, G or T "
                    "behind it: Dovecot cannot deliver to the account",
                    "Write userdb_quota_rule=*:storage=10G (Dovecot 2.3) or "
                    "userdb_quota_storage_size=10G (2.4)");
    }
}

/* Cuts login and extra fields out of the line; NULL when it is no account. */
static char *split_line(struct snapshot *snapshot, struct arena *scratch, char *text,
                        int line, char **extra, struct finding_list *findings)
{
    char *bar = strchr(text, '|');
    bool may_hold_hash = bar == NULL && strpbrk(text, "{$:") != NULL;
    *extra = NULL;
    if (bar == NULL) {
        finding_add(findings, FINDING_WARNING, "no-password", DMS_ACCOUNTS, line,
                    "The line has no `|`: if it is an account at all, nobody can log in "
                    "to it",
                    "Write `address|{SCHEME}hash`");
    } else {
        *bar = '\0';
        char *second = strchr(bar + 1, '|');
        *extra = second != NULL ? second + 1 : NULL;
    }
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at[1] == '\0' || has_space(text) || may_hold_hash) {
        if (!may_hold_hash) { /* the scripts take its domain all the same */
            dms_add_domains(snapshot, scratch, text, DMS_ACCOUNTS, line, findings);
        } else {
            dms_check_domain(at != NULL ? at + 1 : text, DMS_ACCOUNTS, line, findings);
        }
        finding_add(findings, FINDING_ERROR, "bad-account", DMS_ACCOUNTS, line,
                    "The login is not `name@domain` without blanks: the account cannot "
                    "receive mail and is ignored",
                    "Write `address|{SCHEME}hash`, beginning at the first column");
        return NULL;
    }
    return text;
}

/* Of lines with one login Dovecot uses the first. Spelled in different case, they are two
 * lines with one key for Postfix, which then fails every look-up of an account. */
static void report_twin(const struct snapshot *snapshot, const char *login, int line,
                        struct finding_list *findings)
{
    struct table_entry first;
    const char *key = text_fold_copy(snapshot->arena, login);
    if (!table_find(&snapshot->accounts, key, &first)) {
        return;
    }
    bool same = strcmp(first.value[0] != '\0' ? first.value : first.key, login) == 0;
    if (same) {
        finding_add_format(findings, FINDING_WARNING, "duplicate-account", DMS_ACCOUNTS,
                           line, "Delete one of the two lines",
                           "The login stands on line %d already: that line counts, this "
                           "one is ignored",
                           first.line);
    } else {
        finding_add_format(findings, FINDING_ERROR, "duplicate-key", DMS_ACCOUNTS, line,
                           "Delete one of the two lines",
                           "The login stands on line %d already, in other case: Postfix "
                           "then fails every look-up of an account and refuses its mail "
                           "with 451",
                           first.line);
    }
}

static void parse_account(struct snapshot *snapshot, struct arena *scratch,
                          const struct line *line, struct finding_list *findings)
{
    char *extra;
    char *login = split_line(snapshot, scratch, line->text, line->number, &extra, findings);
    if (login == NULL) {
        return;
    }
    check_login(snapshot, login, line->number, findings);
    dms_add_domains(snapshot, scratch, login, DMS_ACCOUNTS, line->number, findings);
    const char *spelling = text_has_upper(login) ? login : "";
    if (!table_add(&snapshot->accounts, login, spelling, line->number)) {
        report_twin(snapshot, login, line->number, findings);
        return;
    }
    if (extra != NULL) {
        add_limit(snapshot, login, extra, line->number, findings);
    }
}

bool dms_parse_accounts(struct snapshot *snapshot, FILE *stream,
                        struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    struct arena *scratch = arena_new();
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        parse_account(snapshot, scratch, &line, findings);
        arena_reset(scratch);
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    arena_free(&scratch);
    return read;
}
