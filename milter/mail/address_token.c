/* SPDX-License-Identifier: MIT */
#include "mail/address_token.h"

#include <string.h>

static const char operators[] = "|%!()<>@,;:\\\".[]";

/* Postfix's tokenizer knows only these four; VT and FF are part of a word. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_operator(char c)
{
    return c != '\0' && strchr(operators, c) != NULL;
}

void tokens_append(struct arena *arena, struct tokens *tokens, const struct token *token)
{
    tokens->items =
        arena_grow(arena, tokens->items, tokens->count, &tokens->size, sizeof *token);
    tokens->items[tokens->count++] = *token;
}

/* Comments nest; text stands behind the opening parenthesis. */
static const char *skip_comment(const char *text)
{
    for (size_t depth = 1; *text != '\0' && depth > 0; text++) {
        if (*text == '(') {
            depth++;
        } else if (*text == ')') {
            depth--;
        } else if (*text == '\\' && text[1] != '\0') {
            text++;
        }
    }
    return text;
}

/* Copies a word up to its end and takes backslashes out. closing is '\0' for an atom, which
 * ends at a blank or operator. Returns the place of the end. */
static const char *collect(struct arena *arena, const char *text, char closing,
                           const char **word)
{
    size_t length = 0;
    const char *end = text;
    for (; *end != '\0'; end++, length++) {
        if (*end == '\\') {
            if (*++end == '\0') {
                break;
            }
        } else if (closing != '\0' ? *end == closing
                                   : is_blank(*end) || is_operator(*end)) {
            break;
        }
    }
    char *copy = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++, text++) {
        if (*text == '\\') {
            text++;
        }
        copy[i] = is_blank(*text) ? ' ' : *text;
    }
    *word = copy;
    return end;
}

/* An atom that came to hold other characters, through backslashes, is kept as a quoted
 * string: its `%` or `@` is no operator. */
static bool atom_needs_quotes(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c == 0x7f || is_operator(*text)) {
            return true;
        }
    }
    return false;
}

void tokens_scan(struct arena *arena, const char *text, struct tokens *tokens)
{
    while (*text != '\0') {
        struct token token = {0};
        if (is_blank(*text)) {
            text++;
            continue;
        }
        if (*text == '(') {
            text = skip_comment(text + 1);
            continue;
        }
        if (*text == '[' || *text == '"') {
            token.kind = *text == '[' ? TOKEN_LITERAL : TOKEN_QUOTED;
            text = collect(arena, text + 1, *text == '[' ? ']' : '"', &token.text);
            text += *text != '\0';
        } else if (*text != '\\' && is_operator(*text)) {
            token.kind = TOKEN_OPERATOR;
            token.symbol = *text++;
        } else {
            text = collect(arena, text, '\0', &token.text);
            token.kind = atom_needs_quotes(token.text) ? TOKEN_QUOTED : TOKEN_ATOM;
        }
        tokens_append(arena, tokens, &token);
    }
}

size_t tokens_find(const struct tokens *tokens, char symbol)
{
    size_t i = 0;
    while (i < tokens->count && !token_is(&tokens->items[i], symbol)) {
        i++;
    }
    return i;
}

size_t tokens_find_last(const struct tokens *tokens, char symbol)
{
    for (size_t i = tokens->count; i-- > 0;) {
        if (token_is(&tokens->items[i], symbol)) {
            return i;
        }
    }
    return tokens->count;
}

struct tokens tokens_slice(const struct tokens *tokens, size_t first, size_t last)
{
    /* size equals count, so that appending to the view copies it. */
    return (struct tokens){
        .items = tokens->items + first, .count = last - first, .size = last - first};
}

/* domain!user becomes user@domain. */
static void swap_at_bang(struct arena *arena, struct tokens *tokens, size_t bang)
{
    struct tokens swapped = {0};
    const struct token at = {.kind = TOKEN_OPERATOR, .symbol = '@'};
    for (size_t i = bang + 1; i < tokens->count; i++) {
        tokens_append(arena, &swapped, &tokens->items[i]);
    }
    tokens_append(arena, &swapped, &at);
    for (size_t i = 0; i < bang; i++) {
        tokens_append(arena, &swapped, &tokens->items[i]);
    }
    *tokens = swapped;
}

static void add_domain(struct arena *arena, struct tokens *tokens, const char *origin)
{
    const struct token at = {.kind = TOKEN_OPERATOR, .symbol = '@'};
    size_t bang = tokens_find(tokens, '!');
    size_t percent = tokens_find_last(tokens, '%');
    if (bang < tokens->count) {
        swap_at_bang(arena, tokens, bang);
    } else if (percent < tokens->count) {
        tokens->items[percent] = at;
    } else {
        tokens_append(arena, tokens, &at);
        tokens_scan(arena, origin, tokens);
    }
}

static bool stands_for_nobody(const struct tokens *tokens)
{
    return tokens->count == 0 ||
           (tokens->count == 1 &&
            (token_is(&tokens->items[0], '@') ||
             (tokens->items[0].kind == TOKEN_QUOTED && tokens->items[0].text[0] == '\0')));
}

void tokens_drop_dot(struct tokens *tokens)
{
    size_t count = tokens->count;
    if (count >= 2 && token_is(&tokens->items[count - 1], '.') &&
        !token_is(&tokens->items[count - 2], '.') &&
        !token_is(&tokens->items[count - 2], '@')) {
        tokens->count--;
    }
}

void tokens_complete(struct arena *arena, struct tokens *tokens, const char *origin)
{
    if (stands_for_nobody(tokens)) {
        tokens->count = 0;
        return;
    }
    size_t colon = tokens_find(tokens, ':');
    if (token_is(&tokens->items[0], '@') && colon + 1 < tokens->count) {
        *tokens = tokens_slice(tokens, colon + 1, tokens->count);
    }
    if (tokens_find_last(tokens, '@') == tokens->count) {
        add_domain(arena, tokens, origin);
    }
    tokens_drop_dot(tokens);
}

/* Both forms are written twice: first to nowhere, to learn the length. */
struct writer {
    char *text; /* NULL: only count */
    size_t length;
};

static void put(struct writer *writer, char c)
{
    if (writer->text != NULL) {
        writer->text[writer->length] = c;
    }
    writer->length++;
}

static void put_text(struct writer *writer, const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (strchr(escaped, *text) != NULL) {
            put(writer, '\\');
        }
        put(writer, *text);
    }
}

/* Before token i: between words, before `<` and behind a comma. */
static bool needs_blank(const struct tokens *tokens, size_t i, bool quoted)
{
    const struct token *token = &tokens->items[i];
    bool behind_comma = token_is(&token[-1], ',');
    if (tokens->is_entry) {
        return behind_comma && quoted;
    }
    return behind_comma || token_is(token, '<') ||
           (token->kind != TOKEN_OPERATOR && token[-1].kind != TOKEN_OPERATOR);
}

static void put_tokens(struct writer *writer, const struct tokens *tokens, bool quoted)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->items[i];
        if (i > 0 && needs_blank(tokens, i, quoted)) {
            put(writer, ' ');
        }
        if (token->kind == TOKEN_OPERATOR) {
            put(writer, token->symbol);
            continue;
        }
        if (token->kind == TOKEN_QUOTED && quoted) {
            put(writer, '"');
            put_text(writer, token->text, "\"\\");
            put(writer, '"');
        } else if (token->kind == TOKEN_LITERAL) {
            put(writer, '[');
            put_text(writer, token->text, quoted ? "\\" : "");
            put(writer, ']');
        } else {
            put_text(writer, token->text, "");
        }
    }
}

static char *write_tokens(struct arena *arena, const struct tokens *tokens, bool quoted)
{
    struct writer writer = {0};
    put_tokens(&writer, tokens, quoted);
    writer = (struct writer){.text = arena_alloc(arena, writer.length + 1)};
    put_tokens(&writer, tokens, quoted);
    return writer.text;
}

char *tokens_internal(struct arena *arena, const struct tokens *tokens)
{
    return write_tokens(arena, tokens, false);
}

char *tokens_external(struct arena *arena, const struct tokens *tokens)
{
    return write_tokens(arena, tokens, true);
}
