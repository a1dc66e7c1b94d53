/* SPDX-License-Identifier: MIT */
#include "directory/pattern.h"

#include "base/buffer.h"
#include "base/text.h"
#include "directory/pattern_rule.h"

#include <stdlib.h>
#include <string.h>

enum { RESULT_BYTES = 1 << 20 };

bool pattern_is_alphanumeric(char c)
{
    char folded = text_fold_char(c);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9');
}

bool piece_next(const char **text, struct piece *piece)
{
    const char *c = *text;
    if (*c == '\0') {
        return false;
    }
    *piece = (struct piece){.text = c};
    if (*c != '$') {
        piece->length = strcspn(c, "$");
        *text = c + piece->length;
        return true;
    }
    if (*++c == '$') {
        piece->length = 1;
        *text = c + 1;
        return true;
    }
    piece->is_reference = true;
    char open = *c;
    if (open != '{' && open != '(') {
        piece->text = c;
        while (pattern_is_alphanumeric(c[piece->length]) || c[piece->length] == '_') {
            piece->length++;
        }
        *text = c + piece->length;
        return true;
    }
    char closing = open == '{' ? '}' : ')';
    piece->text = ++c;
    for (size_t depth = 1; depth > 0; c++) {
        if (*c == '\0') {
            piece->length = 0;
            *text = c;
            return true;
        }
        depth += *c == open;
        depth -= *c == closing;
    }
    piece->length = (size_t)(c - 1 - piece->text);
    *text = c;
    return true;
}

uint32_t piece_reference(const struct piece *piece)
{
    uint32_t number = 0;
    for (size_t i = 0; i < piece->length; i++) {
        char c = piece->text[i];
        if (c < '0' || c > '9' || number > UINT16_MAX) {
            return 0;
        }
        number = number * 10 + (uint32_t)(c - '0');
    }
    return number;
}

void pattern_table_deinit(struct pattern_table *table)
{
    for (int i = 0; i < table->count; i++) {
        pcre2_code_free(table->rules[i].code);
    }
    pcre2_match_context_free(table->limits);
    table->count = 0;
}

void lookup_begin(struct lookup *lookup, const struct pattern_table *table,
                  const char *address)
{
    *lookup = (struct lookup){.table = table, .address = address};
    lookup->length = strlen(address);
    lookup->data = pcre2_match_data_create(table->capture_count + 1, NULL);
    if (lookup->data == NULL) {
        abort();
    }
}

void lookup_end(struct lookup *lookup)
{
    pcre2_match_data_free(lookup->data);
}

bool lookup_matches(struct lookup *lookup, const struct rule *rule)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)lookup->address;
    const pcre2_code *code = rule->code;
    pcre2_match_context *limits = lookup->table->limits;
    int result = pcre2_match(code, subject, lookup->length, 0, 0, lookup->data, limits);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
        result = pcre2_match(code, subject, lookup->length, 0, PCRE2_NO_JIT, lookup->data,
                             limits);
    }
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        lookup->error = result;
        return false;
    }
    return (result > 0) != rule->negated;
}

static const char *substitute(const struct lookup *lookup, const struct rule *rule,
                              struct arena *arena)
{
    const PCRE2_SIZE *groups = pcre2_get_ovector_pointer(lookup->data);
    struct buffer result;
    buffer_init(&result, RESULT_BYTES);
    const char *rest = rule->result;
    struct piece piece;
    while (piece_next(&rest, &piece)) {
        if (!piece.is_reference) {
            buffer_append(&result, piece.text, piece.length);
            continue;
        }
        uint32_t number = piece_reference(&piece);
        PCRE2_SIZE begin = groups[2 * number];
        PCRE2_SIZE end = groups[2 * number + 1];
        /* \K can put the begin behind the end; a group that took no part has neither. */
        if (begin != PCRE2_UNSET && begin < end) {
            buffer_append(&result, lookup->address + begin, end - begin);
        }
    }
    const char *text =
        result.truncated ? NULL : arena_copy_bytes(arena, result.data, result.length);
    buffer_deinit(&result);
    return text;
}

static struct answer result_of(const struct lookup *lookup, const struct rule *rule,
                               struct arena *arena)
{
    const char *result = rule->substitutes ? substitute(lookup, rule, arena) : rule->result;
    if (result == NULL) {
        return (struct answer){.kind = ANSWER_FAILED,
                               .line = rule->line,
                               .reason =
                                   arena_format(arena, "%s line %d: result is too long",
                                                lookup->table->file, rule->line)};
    }
    return (struct answer){.kind = ANSWER_FOUND, .value = result, .line = rule->line};
}

static struct answer run(struct lookup *lookup, struct arena *arena)
{
    const struct pattern_table *table = lookup->table;
    for (int i = 0; i < table->count; i++) {
        const struct rule *rule = &table->rules[i];
        if (rule->kind == RULE_ENDIF) {
            continue;
        }
        bool matches = lookup_matches(lookup, rule);
        if (lookup->error != 0) {
            PCRE2_UCHAR reason[128] = "";
            pcre2_get_error_message(lookup->error, reason, sizeof reason);
            return (struct answer){.kind = ANSWER_FAILED,
                                   .line = rule->line,
                                   .reason =
                                       arena_format(arena, "%s line %d: %s", table->file,
                                                    rule->line, (const char *)reason)};
        }
        if (rule->kind == RULE_MATCH && matches) {
            return result_of(lookup, rule, arena);
        }
        if (rule->kind == RULE_IF && !matches) {
            if (rule->endif == NO_ENDIF) {
                break;
            }
            i = rule->endif;
        }
    }
    return (struct answer){.kind = ANSWER_NOT_FOUND};
}

struct answer pattern_table_find(const struct pattern_table *table, const char *address,
                                 struct arena *arena)
{
    if (table->count == 0) {
        return (struct answer){.kind = ANSWER_NOT_FOUND};
    }
    struct lookup lookup;
    lookup_begin(&lookup, table, address);
    struct answer answer = run(&lookup, arena);
    lookup_end(&lookup);
    return answer;
}

size_t pattern_table_count(const struct pattern_table *table)
{
    return table->match_count;
}

bool pattern_table_next(const struct pattern_table *table, int *cursor,
                        struct pattern_rule *rule)
{
    while (*cursor < table->count && table->rules[*cursor].kind != RULE_MATCH) {
        ++*cursor;
    }
    if (*cursor == table->count) {
        return false;
    }
    const struct rule *found = &table->rules[*cursor];
    *rule = (struct pattern_rule){.line = found->line,
                                  .expression = found->expression,
                                  .result = found->result,
                                  .substitutes = found->substitutes,
                                  .place = (*cursor)++};
    return true;
}

bool pattern_rule_matches(const struct pattern_table *table,
                          const struct pattern_rule *rule, const char *address)
{
    struct lookup lookup;
    lookup_begin(&lookup, table, address);
    int place = rule->place;
    while (place != NO_IF && lookup_matches(&lookup, &table->rules[place])) {
        place = table->rules[place].inside;
    }
    lookup_end(&lookup);
    return place == NO_IF;
}
