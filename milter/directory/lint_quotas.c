/* SPDX-License-Identifier: MIT */
/* Limits that docker-mailserver gives to other accounts than the line names. For each
 * account its scripts run `grep -i "ADDRESS:"` over dovecot-quotas.cf, in which a dot
 * stands for any character, nothing is anchored and comments are lines like others; the
 * first line found counts if it has two fields. What such a search finds here: all texts in
 * front of a colon are sorted from their ends, and each account is walked down in them. */
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/file.h"
#include "directory/line.h"
#include "directory/lint_parts.h"

#include <stdlib.h>
#include <string.h>

/* A text in front of a colon, in small letters. */
struct prefix {
    const char *end; /* behind its last character */
    size_t length;
    const struct quota_line *line;
};

struct quota_line {
    const char *text;  /* in small letters */
    const char *limit; /* NULL when it has more or less than two fields */
    int number;
};

struct quotas {
    struct prefix *prefixes;
    size_t count, size;
};

/* Of a line of nothing but colons: so many of them are seen. */
enum { PREFIXES_OF_A_LINE = 16 };

/* An address of nothing but dots goes every way: it is given up. Steps that cost as much as
 * a look-up in a table. */
enum { STEPS_MAX = 1000 * 1000, STEPS_A_LOOKUP = 8 };

/* Prefixes that are alike from the end up to some length. */
struct range {
    size_t begin, end;
};

static char from_end(const struct prefix *prefix, size_t place)
{
    return place < prefix->length ? prefix->end[-1 - (ptrdiff_t)place] : '\0';
}

static int compare(const void *left, const void *right)
{
    const struct prefix *a = left;
    const struct prefix *b = right;
    size_t place = 0;
    while (place < a->length && from_end(a, place) == from_end(b, place)) {
        place++;
    }
    unsigned char a_char = (unsigned char)from_end(a, place);
    unsigned char b_char = (unsigned char)from_end(b, place);
    return (a_char > b_char) - (a_char < b_char);
}

/* As `IFS=: read -a` splits it: a colon at the end adds no field. */
static const char *limit_of(struct arena *arena, const char *text)
{
    const char *first = strchr(text, ':');
    if (first == NULL || first[1] == '\0') {
        return NULL;
    }
    size_t length = strcspn(first + 1, ":");
    const char *rest = first + 1 + length;
    return *rest == '\0' || strcmp(rest, ":") == 0
               ? text_trim(arena_copy_bytes(arena, first + 1, length))
               : NULL;
}

static void add_line(struct lint *lint, struct quotas *quotas, const struct line *line)
{
    struct quota_line *added = arena_alloc(lint->arena, sizeof *added);
    added->limit = limit_of(lint->arena, line->text);
    added->text = text_fold_copy(lint->arena, line->text);
    added->number = line->number;
    const char *colon = strchr(added->text, ':');
    for (int i = 0; i < PREFIXES_OF_A_LINE && colon != NULL; i++) {
        /* No more of it is ever compared with an account. */
        size_t length = (size_t)(colon - added->text);
        length = length < ADDRESS_BYTES_MAX ? length : ADDRESS_BYTES_MAX;
        quotas->prefixes = arena_grow(lint->arena, quotas->prefixes, quotas->count,
                                      &quotas->size, sizeof *quotas->prefixes);
        quotas->prefixes[quotas->count++] = (struct prefix){colon, length, added};
        colon = strchr(colon + 1, ':');
    }
}

/* All physical lines: the parser has told what is wrong with the file itself. */
static void read_quotas(struct lint *lint, struct quotas *quotas)
{
    const char *path =
        arena_format(lint->arena, "%s/" DMS_QUOTAS, lint->snapshot->settings.volume);
    struct file file;
    struct error error = {0};
    if (!file_open(path, &file, &error) || file.stream == NULL) {
        return;
    }
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, file.stream);
    while (line_next(&reader, &line)) {
        size_t length = strlen(line.text);
        if (length > 0 && line.text[length - 1] == '\r') {
            line.text[length - 1] = '\0';
        }
        add_line(lint, quotas, &line);
    }
    line_reader_deinit(&reader);
    file_close(&file);
    if (quotas->count > 0) {
        qsort(quotas->prefixes, quotas->count, sizeof *quotas->prefixes, compare);
    }
}

/* The first of the range with at least this character at the place, or its end. */
static size_t find_bound(const struct quotas *quotas, struct range range, size_t place,
                         unsigned least)
{
    while (range.begin < range.end) {
        size_t middle = range.begin + (range.end - range.begin) / 2;
        if ((unsigned char)from_end(&quotas->prefixes[middle], place) < least) {
            range.begin = middle + 1;
        } else {
            range.end = middle;
        }
    }
    return range.begin;
}

/* The part that has this character at the place. */
static struct range narrow(const struct quotas *quotas, struct range range, size_t place,
                           char want)
{
    unsigned wanted = (unsigned char)want;
    char first = from_end(&quotas->prefixes[range.begin], place);
    if (first == want && from_end(&quotas->prefixes[range.end - 1], place) == want) {
        return range;
    }
    range.begin = find_bound(quotas, range, place, wanted);
    range.end = find_bound(quotas, range, place, wanted + 1);
    return range;
}

/* What `grep -i` does for one account. */
struct grep {
    struct lint *lint;
    const struct quotas *quotas;
    const char *account;
    size_t length;
    const struct quota_line *found; /* the first in the file */
    size_t steps;
};

static void take_first(struct grep *grep, struct range range)
{
    grep->steps += range.end - range.begin;
    for (; range.begin < range.end; range.begin++) {
        const struct quota_line *line = grep->quotas->prefixes[range.begin].line;
        if (grep->found == NULL || line->number < grep->found->number) {
            grep->found = line;
        }
    }
}

/* Down from a place counted from the end; a dot of the account goes every way. */
static void walk(struct grep *grep, struct range range, size_t place)
{
    const struct quotas *quotas = grep->quotas;
    for (; range.begin < range.end && place < grep->length; place++) {
        char want = grep->account[grep->length - 1 - place];
        grep->steps++;
        while (want == '.' && range.begin < range.end) {
            char any = from_end(&quotas->prefixes[range.begin], place);
            struct range part = narrow(quotas, range, place, any);
            if (any != '\0' && grep->steps < STEPS_MAX) {
                walk(grep, part, place + 1);
            }
            range.begin = part.end;
        }
        if (range.begin < range.end) {
            range = narrow(quotas, range, place, want);
        }
    }
    take_first(grep, range);
}

static bool is_own(const struct quota_line *line, const char *account)
{
    const char *text = line->text;
    while (text_is_space(*text)) {
        text++;
    }
    size_t length = strlen(account);
    return strncmp(text, account, length) == 0 && text[length] == ':';
}

static bool is_comment(const struct quota_line *line)
{
    const char *text = line->text;
    while (text_is_space(*text)) {
        text++;
    }
    return *text == '#';
}

/* Lines whose limit goes to accounts that they do not name. */
struct strays {
    struct lint_hits lines, comments;
};

static void check_account(struct lint *lint, const struct quotas *quotas,
                          const char *account, struct strays *strays)
{
    struct grep grep = {
        .lint = lint, .quotas = quotas, .account = account, .length = strlen(account)};
    if (grep.length > ADDRESS_BYTES_MAX || lint->budget == 0) {
        return;
    }
    walk(&grep, (struct range){0, quotas->count}, 0);
    size_t cost = grep.steps / STEPS_A_LOOKUP;
    lint->budget -= cost < lint->budget ? cost : lint->budget;
    if (grep.found == NULL || is_own(grep.found, account)) {
        return;
    }
    const char *meant = snapshot_limit(lint->snapshot, account);
    const char *given = grep.found->limit;
    bool same = meant != NULL && given != NULL ? strcmp(meant, given) == 0 : meant == given;
    if (!same) {
        lint_hits_add(is_comment(grep.found) ? &strays->comments : &strays->lines,
                      grep.found->number, account);
    }
}

static void report(struct lint *lint, struct strays *strays)
{
    struct lint_group group;
    size_t cursor = 0;
    while (lint_hits_next(&strays->lines, &cursor, &group)) {
        finding_add_format(lint->findings, FINDING_WARNING, "quota-of-another", DMS_QUOTAS,
                           group.line,
                           "Write a line for each of these accounts above this one",
                           "docker-mailserver also finds this line when it looks for the "
                           "limit of other accounts, and takes it for theirs: %zu (%.399s)",
                           group.count, group.names);
    }
    cursor = 0;
    while (lint_hits_next(&strays->comments, &cursor, &group)) {
        finding_add_format(lint->findings, FINDING_WARNING, "commented-quota-counts",
                           DMS_QUOTAS, group.line, "Delete the line",
                           "To docker-mailserver a comment is a line like others: it takes "
                           "the limit of %zu accounts from it (%.399s)",
                           group.count, group.names);
    }
}

void lint_quotas(struct lint *lint)
{
    struct quotas quotas = {0};
    if (lint->snapshot->settings.volume != NULL) {
        read_quotas(lint, &quotas);
    }
    if (quotas.count == 0) {
        return;
    }
    struct strays strays = {0};
    struct table_entry account;
    size_t cursor = 0;
    while (table_next(&lint->snapshot->accounts, &cursor, &account)) {
        check_account(lint, &quotas, account.key, &strays);
    }
    report(lint, &strays);
    lint_hits_free(&strays.lines);
    lint_hits_free(&strays.comments);
}
