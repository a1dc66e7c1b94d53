/* SPDX-License-Identifier: MIT */
#include "mail/observation_text.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char cut_sign[] = "...";

/* A text that grows up to its limit. */
struct line {
    char *text; /* limit bytes, and room for the sign behind them */
    size_t length, limit;
    bool is_cut;
};

static struct line line_new(struct arena *arena, size_t limit)
{
    return (struct line){.text = arena_alloc(arena, limit + sizeof cut_sign),
                         .limit = limit};
}

static void put(struct line *line, const char *bytes, size_t length)
{
    if (line->is_cut || length > line->limit - line->length) {
        line->is_cut = true;
        return;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static const char *line_end(struct line *line)
{
    if (line->is_cut) {
        memcpy(line->text + line->length, cut_sign, sizeof cut_sign);
    }
    return line->text;
}

/* Nothing in it could end a value, and it is neither a number nor a word of Lua. */
static bool is_plain(const char *bytes, size_t length)
{
    static const char *const words[] = {"nil", "true", "false"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == length && memcmp(bytes, words[i], length) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c <= ' ' || c == 0x7f || strchr("\"\\,={}", c) != NULL) {
            return false;
        }
    }
    char *end;
    strtod(bytes, &end);
    return length > 0 && end != bytes + length;
}

/* Valid UTF-8 as it stands; other bytes, and control characters, as escapes. */
static void put_bytes(struct line *line, const char *bytes, size_t length, bool is_quoted)
{
    for (size_t i = 0; i < length && !line->is_cut;) {
        size_t step = text_utf8_length(bytes + i, length - i);
        if (step == 0 || text_is_control(bytes + i, step)) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)bytes[i]);
            put_text(line, escape);
            i++;
            continue;
        }
        if (is_quoted && (bytes[i] == '"' || bytes[i] == '\\')) {
            put(line, "\\", 1);
        }
        put(line, bytes + i, step);
        i += step;
    }
}

static void put_value(struct line *line, const struct value *value);

static void put_table(struct line *line, const struct value *table)
{
    bool named = !value_is_list(table);
    put_text(line, table->table.count > 0 ? "{ " : "{");
    for (size_t i = 0; i < table->table.count && !line->is_cut; i++) {
        put_text(line, i > 0 ? ", " : "");
        if (named) {
            put_value(line, &table->table.entries[i].key);
            put_text(line, " = ");
        }
        put_value(line, &table->table.entries[i].value);
    }
    put_text(line, table->table.count > 0 ? " }" : "}");
}

static void put_value(struct line *line, const struct value *value)
{
    char number[40];
    switch (value->type) {
    case VALUE_NIL:
        put_text(line, "nil");
        return;
    case VALUE_BOOL:
        put_text(line, value->boolean ? "true" : "false");
        return;
    case VALUE_INTEGER:
        snprintf(number, sizeof number, "%" PRId64, value->integer);
        put_text(line, number);
        return;
    case VALUE_NUMBER:
        snprintf(number, sizeof number, "%.14g", value->number);
        put_text(line, number);
        return;
    case VALUE_TEXT: {
        bool is_quoted = !is_plain(value->text.bytes, value->text.length);
        put_text(line, is_quoted ? "\"" : "");
        put_bytes(line, value->text.bytes, value->text.length, is_quoted);
        put_text(line, is_quoted ? "\"" : "");
        return;
    }
    case VALUE_TABLE:
        put_table(line, value);
        return;
    }
}

static const char *list_text(struct arena *arena, const struct value_list *list,
                             size_t maximum)
{
    struct line line = line_new(arena, maximum);
    for (size_t i = 0; i < list->count; i++) {
        put_text(&line, i > 0 ? ", " : "");
        put_value(&line, &list->values[i]);
    }
    return line_end(&line);
}

const char *observation_text(struct arena *arena, const struct observation *observation,
                             size_t maximum)
{
    struct line line = line_new(arena, 3 * maximum);
    put_bytes(&line, observation->name, strlen(observation->name), false);
    bool is_call = observation->kind == OBSERVATION_ANSWER ||
                   observation->kind == OBSERVATION_EDIT ||
                   observation->arguments.count > 0;
    if (is_call) {
        put_text(&line, "(");
        put_text(&line, list_text(arena, &observation->arguments, maximum));
        put_text(&line, ")");
    }
    if (!observation->returned) {
        put_text(&line, ": no result");
    } else if (observation->results.count > 0) {
        put_text(&line, " = ");
        put_text(&line, list_text(arena, &observation->results, maximum));
    }
    return line_end(&line);
}

const char *observation_origin(struct arena *arena, const struct observation *observation)
{
    if (observation->kind != OBSERVATION_ANSWER) {
        return NULL;
    }
    return arena_format(arena, "%s%s%s%s%.1f ms",
                        observation->source != NULL ? observation->source : "",
                        observation->remark != NULL ? ": " : "",
                        observation->remark != NULL ? observation->remark : "",
                        observation->source != NULL ? "; " : "", observation->elapsed_ms);
}
