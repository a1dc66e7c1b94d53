/* SPDX-License-Identifier: MIT */
/* The operator's may_send_as file: `login: address`. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"
#include "mail/address.h"

#include <string.h>

static const char remedy[] = "Write `login: address`, `login: @domain` or `login: *`";

/* Domains in their own script are no less valid; how mail writes them is seen later. */
static bool is_domain(const char *text)
{
    size_t length = strlen(text);
    bool is_ascii = true;
    for (size_t i = 0; i < length; i++) {
        is_ascii = is_ascii && (unsigned char)text[i] < 0x80;
    }
    return is_ascii ? length > 0 && address_domain_is_valid(text)
                    : text[0] != '.' && text[length - 1] != '.';
}

static bool is_grant(const char *what)
{
    const char *at = strrchr(what, '@');
    if (at == NULL) {
        return strcmp(what, "*") == 0;
    }
    const char *first = strchr(what, '@');
    bool is_quoted = what[0] == '"' && at - what > 2 && at[-1] == '"';
    return (first == at || is_quoted) && is_domain(at + 1);
}

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
        if (!is_grant(what)) {
            finding_add_format(findings, FINDING_WARNING, "bad-grant", file, line->number,
                               remedy,
                               "`%.200s` is neither an address nor @domain nor `*`: it "
                               "allows nothing",
                               what);
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
