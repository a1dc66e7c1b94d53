/* SPDX-License-Identifier: MIT */
/* The operator's may_send_as file: `login: address`. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"

#include <string.h>

static const char remedy[] = "Write `login: address`, `login: @domain` or `login: *`";

static void parse_grant(struct snapshot *snapshot, const struct line *line,
                        const char *file, struct finding_list *findings)
{
    static const char separators[] = " \t\r\v\f,";
    char *login = text_trim(line->text);
    char *colon = strchr(login, ':');
    if (colon == NULL || colon == login) {
        finding_add(findings, FINDING_WARNING, "bad-grant", file, line->number,
                    "The line is not `login: address`: it allows nothing", remedy);
        return;
    }
    *colon = '\0';
    login = text_trim(login);
    char *rest = NULL;
    for (char *what = strtok_r(colon + 1, separators, &rest); what != NULL;
         what = strtok_r(NULL, separators, &rest)) {
        if (strcmp(what, "*") != 0 && strchr(what, '@') == NULL) {
            finding_add(
                findings, FINDING_WARNING, "bad-grant", file, line->number,
                "An entry is neither an address nor @domain nor `*`: it allows nothing",
                remedy);
        } else {
            table_add(&snapshot->grants, login, what, line->number);
        }
    }
}

bool dms_parse_grants(struct snapshot *snapshot, FILE *stream, const char *file,
                      struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        parse_grant(snapshot, &line, file, findings);
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}
