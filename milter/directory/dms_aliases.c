/* SPDX-License-Identifier: MIT */
/* postfix-aliases.cf: aliases(5) of local delivery, as postalias(1) compiles them. */
#include "directory/dms_parse.h"

#include "base/text.h"
#include "directory/line.h"
#include "mail/address_token.h"

#include <string.h>

/* A name has no domain and is one name. */
static bool is_local_name(const struct tokens *name)
{
    return tokens_find(name, '@') == name->count && tokens_find(name, '%') == name->count &&
           tokens_find(name, ',') == name->count;
}

/* An opening parenthesis before the first colon, outside of quotes. */
static bool has_comment_in_name(const char *text)
{
    bool quoted = false;
    while (*text != '\0' && (quoted || (*text != ':' && *text != '('))) {
        quoted ^= *text == '"';
        text += *text == '\\' && text[1] != '\0' ? 2 : 1;
    }
    return *text == '(';
}

static void add_alias(struct snapshot *snapshot, const char *name, const char *targets,
                      int line, struct finding_list *findings)
{
    if (table_add_new(&snapshot->local_aliases, name, targets, line)) {
        return;
    }
    char *key = arena_copy(snapshot->arena, name);
    text_fold(key);
    struct table_entry first;
    table_find(&snapshot->local_aliases, key, &first);
    if (first.line == 0) {
        finding_add_format(findings, FINDING_WARNING, "duplicate-key", DMS_ALIASES, line,
                           "Set POSTMASTER_ADDRESS instead, and delete the line",
                           "docker-mailserver writes `root: %.200s` in front of this file: "
                           "that line counts, this one is ignored",
                           first.value);
    } else {
        finding_add_format(findings, FINDING_WARNING, "duplicate-key", DMS_ALIASES, line,
                           "Write all targets in one line and delete the other",
                           "%.200s stands on line %d already: that line counts, this one "
                           "is ignored",
                           key, first.line);
    }
}

static void parse_line(struct snapshot *snapshot, struct arena *scratch,
                       const struct line *line, struct finding_list *findings)
{
    struct tokens tokens = {0};
    tokens_scan(scratch, line->text, &tokens);
    size_t colon = tokens_find(&tokens, ':');
    /* A comment is kept as the value: the alias is there, and leads to nobody. */
    bool only_comment = colon + 1 == tokens.count && strchr(line->text, '(') != NULL;
    if (colon == 0 || (colon + 1 >= tokens.count && !only_comment)) {
        if (tokens.count > 0) {
            finding_add(findings, FINDING_ERROR, "no-value", DMS_ALIASES, line->number,
                        "The line is not `name: target`: Postfix ignores it",
                        "Write `name: target`, or delete the line");
        }
        return;
    }
    if (has_comment_in_name(line->text)) {
        finding_add(findings, FINDING_WARNING, "comment-in-name", DMS_ALIASES, line->number,
                    "The comment belongs to the name of the alias: mail for the name alone "
                    "is not aliased",
                    "Put the comment on a line of its own");
        return;
    }
    struct tokens name = tokens_slice(&tokens, 0, colon);
    if (!is_local_name(&name)) {
        finding_add(findings, FINDING_WARNING, "alias-with-domain", DMS_ALIASES,
                    line->number,
                    "A local alias has a name without a domain: Postfix ignores the line, "
                    "mail for the address is not aliased",
                    "Write the name alone, or put the alias into postfix-virtual.cf");
        return;
    }
    struct tokens targets = tokens_slice(&tokens, colon + 1, tokens.count);
    add_alias(snapshot, tokens_internal(scratch, &name),
              only_comment ? "," : tokens_external(scratch, &targets), line->number,
              findings);
}

static void add_root(struct snapshot *snapshot, const char *more)
{
    const char *postmaster = snapshot->settings.postmaster;
    if (postmaster == NULL) {
        return;
    }
    struct arena *scratch = arena_new();
    const struct line line = {.text =
                                  arena_format(scratch, "root: %s%s", postmaster, more)};
    parse_line(snapshot, scratch, &line, NULL);
    arena_free(&scratch);
}

void dms_add_root(struct snapshot *snapshot)
{
    add_root(snapshot, "");
}

bool dms_parse_aliases(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error)
{
    struct line_reader reader;
    struct line line;
    struct arena *scratch = arena_new();
    bool has_root = false;
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        if (!has_root) {
            add_root(snapshot, line.orphan ? line.text : "");
            has_root = true;
        }
        if (line.orphan) {
            finding_add(findings, FINDING_ERROR, "indented-line", DMS_ALIASES, line.number,
                        "The line is indented: Postfix takes it for more targets of root, "
                        "whose line docker-mailserver writes in front of this file",
                        "Begin the line at its first column");
        } else {
            parse_line(snapshot, scratch, &line, findings);
            arena_reset(scratch);
        }
    }
    if (!has_root) {
        add_root(snapshot, "");
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    arena_free(&scratch);
    return read;
}
