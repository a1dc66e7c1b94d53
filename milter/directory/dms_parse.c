/* SPDX-License-Identifier: MIT */
#include "directory/dms_parse.h"

#include "base/text.h"

#include <string.h>

static void warn(struct finding_list *findings, const char *code, const char *file,
                 int line, const char *message, const char *remedy)
{
    if (findings != NULL) {
        finding_add(findings, FINDING_WARNING, code, file, line, message, remedy);
    }
}

static bool has_space(const char *text)
{
    while (*text != '\0' && !text_is_space(*text)) {
        text++;
    }
    return *text != '\0';
}

static bool has_upper_case(const char *text)
{
    while (*text != '\0' && text_fold_char(*text) == *text) {
        text++;
    }
    return *text != '\0';
}

/* The next line that is neither blank nor a comment, without a CR at its end. */
static bool next_line(struct line_reader *reader, char **text, int *number)
{
    while (line_reader_next_physical(reader, text, number)) {
        size_t length = strlen(*text);
        if (length > 0 && (*text)[length - 1] == '\r') {
            (*text)[length - 1] = '\0';
        }
        const char *first = *text;
        while (text_is_space(*first)) {
            first++;
        }
        if (*first != '\0' && *first != '#') {
            return true;
        }
    }
    return false;
}

static void add_domain(struct snapshot *snapshot, const char *domain, int line)
{
    if (*domain != '\0') {
        table_add(snapshot->arena, &snapshot->domains, arena_copy(snapshot->arena, domain),
                  "", line);
    }
}

static void parse_account(struct snapshot *snapshot, char *login, int line,
                          struct finding_list *findings)
{
    char *bar = strchr(login, '|');
    bool may_hold_hash = bar == NULL && strpbrk(login, "{$:") != NULL;
    if (bar == NULL) {
        warn(findings, "no-password", DMS_ACCOUNTS, line,
             "The line has no `|`: if it is an account at all, nobody can log in to it",
             "Write `address|{SCHEME}hash`");
    } else {
        *bar = '\0';
    }
    const char *at = strchr(login, '@');
    if (at == NULL || at == login || at[1] == '\0' || has_space(login) || may_hold_hash) {
        warn(findings, "bad-account", DMS_ACCOUNTS, line,
             "The login is not `name@domain` without blanks: the account cannot receive "
             "mail "
             "and is ignored",
             "Write `address|{SCHEME}hash`, beginning at the first column");
        return;
    }
    if (has_upper_case(login)) {
        warn(findings, "upper-case-account", DMS_ACCOUNTS, line,
             "The login holds capital letters: Postfix accepts mail for it, Dovecot, which "
             "looks "
             "for small letters, bounces it",
             "Write the login in small letters");
    }
    add_domain(snapshot, at + 1, line);
    const char *spelling = arena_copy(snapshot->arena, login);
    table_add(snapshot->arena, &snapshot->accounts, login, spelling, line);
}

/* Of lines with one login Dovecot uses the first. Spelled in different case, they are two
 * lines with one key for Postfix, which then fails every look-up of an account. */
static void report_twins(const struct table *accounts, struct finding_list *findings)
{
    for (size_t i = 1; findings != NULL && i < accounts->count; i++) {
        const struct table_entry *entry = &accounts->entries[i];
        if (strcmp(entry->key, entry[-1].key) != 0) {
            continue;
        }
        bool same = strcmp(entry->value, entry[-1].value) == 0;
        finding_add(findings, same ? FINDING_WARNING : FINDING_ERROR,
                    same ? "duplicate-account" : "duplicate-key", DMS_ACCOUNTS, entry->line,
                    arena_format(
                        findings->arena,
                        same
                            ? "The login stands on line %d already: that line counts, this "
                              "one is ignored"
                            : "The login stands on line %d already, in other case: Postfix "
                              "then fails every look-up of an account and refuses its mail "
                              "with 451",
                        entry[-1].line),
                    "Delete one of the two lines");
    }
}

void dms_parse_accounts(struct snapshot *snapshot, char *content,
                        struct finding_list *findings)
{
    struct line_reader reader;
    char *text;
    int line;
    line_reader_init(&reader, content);
    while (next_line(&reader, &text, &line)) {
        parse_account(snapshot, text, line, findings);
    }
    table_sort(&snapshot->accounts);
    report_twins(&snapshot->accounts, findings);
    table_unique(&snapshot->accounts);
}

void dms_parse_domains(struct snapshot *snapshot, char *content,
                       struct finding_list *findings)
{
    struct line_reader reader;
    char *text;
    int line;
    line_reader_init(&reader, content);
    while (next_line(&reader, &text, &line)) {
        bool indented = text_is_space(*text);
        char *word = text_trim(text);
        word[strcspn(word, " \t\r\v\f")] = '\0';
        const char *at = strrchr(word, '@');
        if (at == NULL || at[1] == '\0') {
            continue;
        }
        /* A comma belongs to the word, as the scripts cut it. */
        add_domain(snapshot, at + 1, line);
        if (indented && findings != NULL) {
            warn(findings, "continuation-line", DMS_VIRTUAL, line,
                 arena_format(
                     findings->arena,
                     "docker-mailserver takes this continuation line for an alias of "
                     "its own: the domain %.200s becomes one of its mail domains, and "
                     "mail for it is no longer sent out",
                     at + 1),
                 "Write all targets of an alias in one line");
        }
    }
}

/* Digits, with B, k, M, G or T behind them or nothing. */
static bool is_limit(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && (text[digits] == '\0' || (strchr("BkKMGT", text[digits]) != NULL &&
                                                   text[digits + 1] == '\0'));
}

void dms_parse_quotas(struct snapshot *snapshot, char *content,
                      struct finding_list *findings)
{
    struct line_reader reader;
    char *text;
    int line;
    line_reader_init(&reader, content);
    while (next_line(&reader, &text, &line)) {
        text = text_trim(text);
        char *colon = strchr(text, ':');
        if (colon == NULL || !is_limit(text_trim(colon + 1))) {
            warn(findings, "bad-quota", DMS_QUOTAS, line,
                 "The line is not `address:limit`: the account keeps the general limit",
                 "Write `address:10G`; 0 means no limit");
            continue;
        }
        *colon = '\0';
        if (table_find(&snapshot->accounts, text) == NULL) {
            warn(findings, "quota-without-account", DMS_QUOTAS, line,
                 "No account has this address: the limit has no effect",
                 "Correct the address, or delete the line");
            continue;
        }
        snapshot->quota_count++;
    }
}

void dms_parse_grants(struct snapshot *snapshot, char *content, const char *file,
                      struct finding_list *findings)
{
    static const char separators[] = " \t\r\v\f,";
    struct line_reader reader;
    char *text;
    int line;
    line_reader_init(&reader, content);
    while (next_line(&reader, &text, &line)) {
        char *login = text_trim(text);
        char *colon = strchr(login, ':');
        if (colon == NULL || colon == login) {
            warn(findings, "bad-grant", file, line,
                 "The line is not `login: address`: it allows nothing",
                 "Write `login: address`, `login: @domain` or `login: *`");
            continue;
        }
        *colon = '\0';
        char *rest = NULL;
        char *what = strtok_r(colon + 1, separators, &rest);
        for (; what != NULL; what = strtok_r(NULL, separators, &rest)) {
            if (strcmp(what, "*") != 0 && strchr(what, '@') == NULL) {
                warn(
                    findings, "bad-grant", file, line,
                    "An entry is neither an address nor @domain nor `*`: it allows nothing",
                    "Write `login: address`, `login: @domain` or `login: *`");
                continue;
            }
            table_add(snapshot->arena, &snapshot->grants, text_trim(login), what, line);
        }
    }
}
