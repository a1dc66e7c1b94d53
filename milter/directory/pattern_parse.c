/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "directory/line.h"
#include "directory/pattern.h"
#include "directory/pattern_rule.h"

#include <stdlib.h>
#include <string.h>

/* A plain pattern needs a few hundred steps for an address; at these limits PCRE2 gives up
 * within some ten milliseconds and a few MiB. */
enum { MATCH_LIMIT = 200000, DEPTH_LIMIT = 20000, HEAP_KIB = 8192 };

/* What is needed while a table is parsed. */
struct parser {
    struct arena *arena;
    struct pattern_table *table;
    struct finding_list *findings;
    int line;
    int *open_ifs; /* places of RULE_IF */
    int open_count;
    size_t open_size;
};

/* Returns false. */
static bool complain(const struct parser *parser, const char *code, const char *message,
                     const char *remedy)
{
    finding_add(parser->findings, FINDING_ERROR, code, parser->table->file, parser->line,
                message, remedy);
    return false;
}

/* The rule stays, but may not be what was meant. */
static void warn(const struct parser *parser, const char *code, const char *message,
                 const char *remedy)
{
    finding_add(parser->findings, FINDING_WARNING, code, parser->table->file, parser->line,
                message, remedy);
}

/* PCRE2's option of a flag letter; 0 for one without effect, UINT32_MAX for no flag. */
static uint32_t flag_option(char flag)
{
    switch (flag) {
    case 'i':
        return PCRE2_CASELESS;
    case 's':
        return PCRE2_DOTALL;
    case 'm':
        return PCRE2_MULTILINE;
    case 'x':
        return PCRE2_EXTENDED;
    case 'A':
        return PCRE2_ANCHORED;
    case 'E':
        return PCRE2_DOLLAR_ENDONLY;
    case 'U':
        return PCRE2_UNGREEDY;
    case 'X':
        return 0;
    default:
        return UINT32_MAX;
    }
}

static bool compile(const struct parser *parser, const char *expression, uint32_t options,
                    struct rule *rule)
{
    int code;
    PCRE2_SIZE offset;
    rule->code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, options,
                               &code, &offset, NULL);
    if (rule->code == NULL) {
        PCRE2_UCHAR reason[128] = "";
        pcre2_get_error_message(code, reason, sizeof reason);
        const char *message = arena_format(parser->arena,
                                           "The expression is not valid (%s, at its "
                                           "character %zu): Postfix skips the rule, "
                                           "its addresses are not aliased by it",
                                           (const char *)reason, (size_t)offset + 1);
        return complain(parser, "bad-pattern", message, "Correct the expression");
    }
    /* Without JIT support matching still works, only slower. */
    (void)pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
    return true;
}

static bool has_letter(const char *expression)
{
    for (; *expression != '\0'; expression++) {
        char folded = text_fold_char(*expression);
        if (*expression == '\\' && expression[1] != '\0') {
            expression++;
        } else if (folded >= 'a' && folded <= 'z') {
            return true;
        }
    }
    return false;
}

/* (?-i), maybe with other options. */
static bool has_inline_case(const char *expression)
{
    for (const char *c = expression; (c = strstr(c, "(?")) != NULL;) {
        c += strlen("(?");
        c += strspn(c, "^imnsxJU");
        if (*c == '-' && memchr(c, 'i', strcspn(c, "):")) != NULL) {
            return true;
        }
    }
    return false;
}

/* At RCPT the address is folded before it is looked up, for delivery it is not. */
static void check_case(const struct parser *parser, const char *expression,
                       uint32_t options)
{
    bool is_caseless = (options & PCRE2_CASELESS) != 0;
    if ((!is_caseless && has_letter(expression)) || has_inline_case(expression)) {
        warn(parser, "case-sensitive-pattern",
             "The pattern tells capitals from small letters (the flag `i` switches that "
             "on): an address is compared in small letters when it is accepted, but as it "
             "was typed when it is delivered, so that mail is bounced or goes elsewhere",
             "Take out the flag `i` and `(?-i)`: patterns ignore case anyway");
    }
}

/* Reads `!/expression/flags`; *text is left behind the flags. */
static bool parse_expression(const struct parser *parser, char **text, struct rule *rule)
{
    char *c = *text;
    for (; *c == '!' || text_is_space(*c); c++) {
        rule->negated ^= *c == '!';
    }
    if (*c == '\0') {
        return complain(parser, "no-pattern",
                        "There is no expression: Postfix skips the line",
                        "Write `/expression/ target`");
    }
    char delimiter = *c++;
    char *expression = c;
    /* The backslash comes first: as a delimiter it never closes. */
    for (; *c != '\0' && (*c == '\\' || *c != delimiter); c++) {
        if (*c == '\\' && *++c == '\0') {
            break;
        }
    }
    if (*c == '\0') {
        return complain(
            parser, "open-pattern",
            "The expression has no closing delimiter: Postfix skips the rule, its "
            "addresses are not aliased by it",
            "Close the expression with the character that opens it");
    }
    *c++ = '\0';
    uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL;
    for (; *c != '\0' && !text_is_space(*c); c++) {
        uint32_t option = flag_option(*c);
        if (option == UINT32_MAX) {
            return complain(
                parser, "unknown-flag",
                "There is an unknown flag behind the expression: Postfix skips the "
                "rule, its addresses are not aliased by it",
                "Use only the flags i m s x A E U, and a blank before the target");
        }
        options ^= option;
    }
    *text = c;
    if (!compile(parser, expression, options, rule)) {
        return false;
    }
    rule->expression = arena_copy(parser->arena, expression);
    check_case(parser, expression, options);
    return true;
}

static bool parse_result(const struct parser *parser, const char *text, struct rule *rule)
{
    uint32_t groups = 0;
    pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    const char *rest = text;
    struct piece piece;
    char *literal = arena_alloc(parser->arena, strlen(text) + 1);
    size_t length = 0;
    while (piece_next(&rest, &piece)) {
        if (!piece.is_reference) {
            memcpy(literal + length, piece.text, piece.length);
            length += piece.length;
            continue;
        }
        uint32_t number = piece_reference(&piece);
        if (number == 0 || number > groups) {
            return complain(
                parser, "bad-reference",
                "The target refers to a group that the expression does not have: "
                "Postfix skips the rule, its addresses are not aliased by it",
                "Write ${1} for the first group, and $$ for a dollar sign");
        }
        if (rule->negated) {
            return complain(
                parser, "bad-reference",
                "The target of a negated rule refers to a group: Postfix skips the "
                "rule, its addresses are not aliased by it",
                "Leave references out of a rule that begins with `!`");
        }
        rule->substitutes = true;
    }
    rule->result = rule->substitutes ? arena_copy(parser->arena, text) : literal;
    return true;
}

static struct rule *add_rule(const struct parser *parser, const struct rule *rule)
{
    struct pattern_table *table = parser->table;
    table->rules = arena_grow(parser->arena, table->rules, (size_t)table->count,
                              &table->size, sizeof *table->rules);
    table->rules[table->count] = *rule;
    table->rules[table->count].inside =
        parser->open_count > 0 ? parser->open_ifs[parser->open_count - 1] : NO_IF;
    if (rule->code != NULL) {
        uint32_t groups = 0;
        pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
        table->capture_count =
            groups > table->capture_count ? groups : table->capture_count;
    }
    return &table->rules[table->count++];
}

static void parse_match(struct parser *parser, char *text)
{
    struct rule rule = {.kind = RULE_MATCH, .line = parser->line};
    if (!parse_expression(parser, &text, &rule)) {
        return;
    }
    text = text_trim(text);
    if (*text == '\0') {
        complain(parser, "empty-result",
                 "The rule has no target: Postfix answers 451 to every address it matches",
                 "Write a target, or delete the line");
    }
    if (line_has_comment(text)) {
        complain(parser, "comment-in-value",
                 "A comment behind the targets is none: its words, and the #, are further "
                 "recipients, whose mail is accepted and bounced",
                 "Put the comment on a line of its own");
    }
    if (!parse_result(parser, text, &rule)) {
        pcre2_code_free(rule.code);
        return;
    }
    parser->table->match_count++;
    add_rule(parser, &rule);
}

static void parse_if(struct parser *parser, char *text)
{
    struct rule rule = {.kind = RULE_IF, .line = parser->line, .endif = NO_ENDIF};
    if (!parse_expression(parser, &text, &rule)) {
        return;
    }
    if (*text_trim(text) != '\0') {
        warn(parser, "text-behind-if",
             "The text behind the expression of `if` is ignored; if it is the next rule, "
             "that rule is missing",
             "Do not indent the lines between `if` and `endif`");
    }
    parser->open_ifs =
        arena_grow(parser->arena, parser->open_ifs, (size_t)parser->open_count,
                   &parser->open_size, sizeof *parser->open_ifs);
    add_rule(parser, &rule);
    parser->open_ifs[parser->open_count++] = parser->table->count - 1;
}

static void parse_endif(struct parser *parser)
{
    if (parser->open_count == 0) {
        warn(parser, "stray-endif", "The `endif` closes no `if`: Postfix ignores it",
             "Delete the line, or correct the `if` above it");
        return;
    }
    int opened = parser->open_ifs[--parser->open_count];
    parser->table->rules[opened].endif = parser->table->count;
    const struct rule rule = {.kind = RULE_ENDIF, .line = parser->line};
    add_rule(parser, &rule);
}

static void parse_line(struct parser *parser, const struct line *line)
{
    char *text = text_trim(line->text);
    parser->line = line->number;
    if (line->orphan) {
        complain(parser, "indented-line",
                 "The line is indented and continues nothing: Postfix ignores it",
                 "Begin the line at its first column");
    } else if (!pattern_is_alphanumeric(*text)) {
        parse_match(parser, text);
    } else if (text_starts_folded(text, "if") && !pattern_is_alphanumeric(text[2])) {
        parse_if(parser, text + strlen("if"));
    } else if (text_starts_folded(text, "endif") && !pattern_is_alphanumeric(text[5])) {
        parse_endif(parser);
    } else {
        complain(parser, "no-pattern",
                 "The line is neither a rule nor `if` nor `endif`: Postfix ignores it",
                 "Write `/expression/ target`; a plain address belongs into "
                 "postfix-virtual.cf");
    }
}

bool pattern_table_parse(struct arena *arena, FILE *stream, const char *file,
                         struct finding_list *findings, struct pattern_table **table,
                         struct error *error)
{
    *table = arena_alloc(arena, sizeof **table);
    struct parser parser = {.arena = arena, .table = *table, .findings = findings};
    (*table)->file = file;
    struct line_reader reader;
    struct line line;
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        parse_line(&parser, &line);
    }
    while (parser.open_count > 0) {
        parser.line = (*table)->rules[parser.open_ifs[--parser.open_count]].line;
        warn(&parser, "open-if",
             "The `if` has no `endif`: an address that it does not match sees nothing of "
             "the rest of the file",
             "Add `endif` behind the rules it is meant for");
    }
    (*table)->limits = pcre2_match_context_create(NULL);
    if ((*table)->limits == NULL) {
        abort();
    }
    pcre2_set_match_limit((*table)->limits, MATCH_LIMIT);
    pcre2_set_depth_limit((*table)->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit((*table)->limits, HEAP_KIB);
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}
