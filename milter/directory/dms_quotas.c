/* SPDX-License-Identifier: MIT */
/* dovecot-quotas.cf: `address:limit`. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"

#include <string.h>

/* Digits, with B, k, M, G or T behind them or nothing. */
static bool is_limit(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && (text[digits] == '\0' || (strchr("BkKMGT", text[digits]) != NULL &&
                                                   text[digits + 1] == '\0'));
}

static void parse_quota(struct snapshot *snapshot, const struct line *line,
                        struct finding_list *findings)
{
    char *text = text_trim(line->text);
    char *colon = strchr(text, ':');
    char *limit = colon != NULL ? text_trim(colon + 1) : NULL;
    if (limit == NULL || !is_limit(limit)) {
        finding_add(findings, FINDING_WARNING, "bad-quota", DMS_QUOTAS, line->number,
                    "The line is not `address:limit`: the account keeps the general limit",
                    "Write `address:10G`; 0 means no limit");
        return;
    }
    *colon = '\0';
    text_fold(text);
    struct table_entry account;
    struct table_entry earlier;
    if (!table_find(&snapshot->accounts, text, &account)) {
        finding_add(findings, FINDING_WARNING, "quota-without-account", DMS_QUOTAS,
                    line->number, "No account has this address: the limit has no effect",
                    "Correct the address, or delete the line");
        return;
    }
    if (table_find(&snapshot->limits, text, &earlier)) {
        finding_add_format(findings, FINDING_WARNING, "duplicate-quota", DMS_QUOTAS,
                           line->number, "Keep one of the two limits",
                           "%.200s has a limit on line %d of this file or of "
                           "postfix-accounts.cf already: only one of them counts",
                           text, earlier.line);
        return;
    }
    table_add(&snapshot->limits, text, limit, line->number);
}

bool dms_parse_quotas(struct snapshot *snapshot, FILE *stream,
                      struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        parse_quota(snapshot, &line, findings);
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}
