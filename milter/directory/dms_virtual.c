/* SPDX-License-Identifier: MIT */
/* postfix-virtual.cf, as Postfix reads it (util/dict_thash.c) and as the scripts of
 * docker-mailserver do. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"

#include <string.h>

/* End of the key: the first white space that is neither quoted nor behind a backslash. NULL
 * when a quote stays open. */
static char *find_key_end(char *text)
{
    static const char special[] = "\\\" \t\r\n\v\f";
    bool quoted = false;
    for (text += strcspn(text, special); *text != '\0'; text += strcspn(text, special)) {
        if (*text == '"') {
            quoted = !quoted;
        } else if (*text == '\\') {
            if (*++text == '\0') {
                break;
            }
        } else if (!quoted) {
            break;
        }
        text++;
    }
    return quoted ? NULL : text;
}

static void parse_line(struct snapshot *snapshot, const struct line *line,
                       struct finding_list *findings)
{
    if (line->orphan) {
        finding_add(findings, FINDING_ERROR, "indented-line", DMS_VIRTUAL, line->number,
                    "The line is indented and continues nothing: Postfix ignores it, mail "
                    "for its address is not aliased",
                    "Begin the line at its first column");
        return;
    }
    char *end = find_key_end(line->text);
    if (end == NULL) {
        finding_add(findings, FINDING_ERROR, "open-quote", DMS_VIRTUAL, line->number,
                    "The key holds an odd number of quotation marks: Postfix ignores the "
                    "line, mail for its address is not aliased",
                    "Close the quotation: \"local part\"@domain");
        return;
    }
    char *value = end;
    if (*end != '\0') {
        *end = '\0';
        value = text_trim(end + 1);
    }
    if (*value == '\0') {
        finding_add(findings, FINDING_ERROR, "no-value", DMS_VIRTUAL, line->number,
                    "The line has a key and no target: Postfix ignores it, mail for its "
                    "address is not aliased",
                    "Write `address target`, or delete the line");
        return;
    }
    if (line_has_comment(value)) {
        finding_add(findings, FINDING_ERROR, "comment-in-value", DMS_VIRTUAL, line->number,
                    "A comment behind the targets is none: its words, and the #, are "
                    "further recipients, whose mail is accepted and bounced",
                    "Put the comment on a line of its own");
    }
    const char *key = line->text;
    table_add(&snapshot->aliases, key, value, line->number);
    /* Where Postfix looks for the bare name of a domain it does not fold the keys. */
    if (strchr(key, '@') == NULL && !text_has_upper(key)) {
        table_add_new(&snapshot->alias_domains, key, "", line->number);
    }
}

bool dms_parse_virtual(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        parse_line(snapshot, &line, findings);
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}

/* In the list of virtual_mailbox_domains. Source: Postfix util/match_list.c. */
static bool is_no_domain_to_postfix(const char *domain)
{
    return domain[0] == '/' || domain[0] == '!' || strchr(domain, ':') != NULL;
}

void dms_check_domain(const char *domain, const char *file, int line,
                      struct finding_list *findings)
{
    if (is_no_domain_to_postfix(domain)) {
        finding_add(
            findings, FINDING_ERROR, "domain-breaks-postfix", file, line,
            "docker-mailserver makes a mail domain of this line that Postfix takes "
            "for a table (it holds a `:`), a file (it begins with `/`) or a "
            "negation (`!`): mail for all domains is refused, or mail for some",
            "Write a plain domain behind the @ and nothing right behind it: "
            "info@example.com alice@example.com, or alice@example.com|{SCHEME}hash");
    }
}

static void add_domain_word(struct snapshot *snapshot, const char *domain, const char *file,
                            int line, struct finding_list *findings)
{
    if (table_add_new(&snapshot->domains, domain, "", line)) {
        dms_check_domain(domain, file, line, findings);
    }
}

void dms_add_domains(struct snapshot *snapshot, struct arena *scratch, const char *name,
                     const char *file, int line, struct finding_list *findings)
{
    const char *at = strchr(name, '@');
    const char *words = at != NULL ? at + 1 : name;
    if (words[0] != '\0' && words[strcspn(words, "@, \t\r\n\v\f")] == '\0') {
        add_domain_word(snapshot, words, file, line, findings); /* nearly all */
        return;
    }
    words = arena_copy_bytes(scratch, words, strcspn(words, "@"));
    const char *word;
    size_t length;
    while (text_next_word(&words, &word, &length)) {
        add_domain_word(snapshot, arena_copy_bytes(scratch, word, length), file, line,
                        findings);
    }
}

/* A name without a domain, or one like `a@a`, whose parts the scripts find to be the same.
 */
static bool names_no_domain(const char *name)
{
    const char *at = strchr(name, '@');
    size_t length = at != NULL ? (size_t)(at - name) : 0;
    return at == NULL || (strncmp(at + 1, name, length) == 0 &&
                          (at[1 + length] == '\0' || at[1 + length] == '@'));
}

static void add_domain(struct snapshot *snapshot, struct arena *scratch,
                       const struct line *line, struct finding_list *findings)
{
    bool indented = text_is_space(line->text[0]);
    char *word = text_trim(line->text);
    word[strcspn(word, " \t\r\v\f")] = '\0';
    size_t before = snapshot->domains.count;
    if (!names_no_domain(word)) {
        dms_add_domains(snapshot, scratch, word, DMS_VIRTUAL, line->number, findings);
    }
    if (!indented) {
        return;
    }
    bool makes_domain = snapshot->domains.count > before;
    finding_add_format(
        findings, makes_domain ? FINDING_ERROR : FINDING_WARNING, "continuation-line",
        DMS_VIRTUAL, line->number, "Write all targets of an alias in one line",
        makes_domain
            ? "docker-mailserver takes this continuation line for an alias of its own: the "
              "domain of %.200s becomes one of its mail domains, and mail for it is no "
              "longer sent out"
            : "docker-mailserver takes this continuation line for an alias of its own, "
              "%.200s, and may give it the login and quota of somebody else",
        word);
}

bool dms_parse_domains(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    struct arena *scratch = arena_new();
    line_reader_init(&reader, stream);
    while (line_next_plain(&reader, &line)) {
        add_domain(snapshot, scratch, &line, findings);
        arena_reset(scratch);
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    arena_free(&scratch);
    return read;
}
