/* SPDX-License-Identifier: MIT */
/* dovecot-quotas.cf: `address:limit`. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"

#include <string.h>

bool dms_is_limit(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    return digits > 0 &&
           (unit[0] == '\0' || (strchr("BbKkMmGgTt", unit[0]) != NULL && unit[1] == '\0'));
}

/* extra: the limits in the accounts. docker-mailserver writes this file's limit behind
 * them, and of two fields of one name Dovecot takes the last. */
static void parse_quota(struct snapshot *snapshot, const struct table *extra,
                        const struct line *line, struct finding_list *findings)
{
    char *text = text_trim(line->text);
    char *colon = strchr(text, ':');
    char *limit = colon != NULL ? text_trim(colon + 1) : NULL;
    if (limit == NULL || !dms_is_limit(limit)) {
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
                           "%.200s has a limit on line %d already: that line counts, this "
                           "one is ignored",
                           text, earlier.line);
        return;
    }
    if (table_find(extra, text, &earlier)) {
        finding_add_format(findings, FINDING_WARNING, "duplicate-quota", DMS_QUOTAS,
                           line->number, "Keep one of the two limits",
                           "%.200s has a limit on line %d of postfix-accounts.cf as well: "
                           "this line counts, that one is ignored",
                           text, earlier.line);
    }
    table_add(&snapshot->limits, text, limit, line->number);
}

/* Those that no line of the file replaces. */
static void keep_others(struct snapshot *snapshot, const struct table *extra)
{
    struct table_entry entry;
    size_t cursor = 0;
    while (table_next(extra, &cursor, &entry)) {
        table_add_new(&snapshot->limits, entry.key, entry.value, entry.line);
    }
}

bool dms_parse_quotas(struct snapshot *snapshot, FILE *stream,
                      struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    struct table extra = snapshot->limits;
    snapshot->limits = (struct table){0};
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        parse_quota(snapshot, &extra, &line, findings);
    }
    keep_others(snapshot, &extra);
    table_deinit(&extra);
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}
