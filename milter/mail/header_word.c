/* SPDX-License-Identifier: MIT */
#include "mail/header_word.h"

#include <string.h>

/* Deeper nesting than this in a comment is an attack on somebody's parser. */
enum { COMMENT_DEPTH_MAX = 32 };

bool header_words_complain(const struct header_words *words, const char *place,
                           const char *what)
{
    return error_set(words->error, ERROR_REMOTE, "%s at character %zu", what,
                     (size_t)(place - words->body) + 1);
}

/* Takes the line ends of folds out, and the one at the end. NULL when a line end has no
 * blank behind it, or for other control characters: not all programs read on behind these.
 */
static char *unfold(struct arena *arena, const char *body)
{
    char *text = arena_alloc(arena, strlen(body) + 1);
    size_t length = 0;
    for (const char *c = body; *c != '\0'; c++) {
        const char *end = c[0] == '\r' && c[1] == '\n' ? c + 1 : c;
        if (*end == '\n' && (end[1] == ' ' || end[1] == '\t' || end[1] == '\0')) {
            c = end;
        } else if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return NULL;
        } else {
            text[length++] = *c;
        }
    }
    return text;
}

bool header_words_begin(struct header_words *words, struct arena *arena, const char *body,
                        struct error *error)
{
    *words = (struct header_words){.arena = arena, .error = error};
    words->body = words->next = unfold(arena, body);
    if (words->body == NULL) {
        return error_set(error, ERROR_REMOTE,
                         "control character or line end without a fold");
    }
    return true;
}

void header_words_end(struct header_words *words)
{
    if (words->has_comments) {
        buffer_deinit(&words->comments);
    }
}

/* The text between the outer parentheses, unquoted. */
static void keep_comment(struct header_words *words, const char *content, const char *end)
{
    if (!words->has_comments) {
        words->has_comments = true;
        buffer_init(&words->comments, strlen(words->body));
    }
    if (words->comments.length > 0) {
        buffer_append_text(&words->comments, " ");
    }
    for (; content < end; content++) {
        content += *content == '\\';
        buffer_append(&words->comments, content, 1);
    }
}

/* Behind the comment that begins at text; NULL when it does not end. */
static const char *skip_comment(struct header_words *words, const char *text)
{
    const char *content = text + 1;
    size_t depth = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0') {
            text++;
        } else if (*text == '(' && ++depth > COMMENT_DEPTH_MAX) {
            return NULL;
        } else if (*text == ')' && --depth == 0) {
            keep_comment(words, content, text);
            return text + 1;
        }
    }
    return NULL;
}

/* `"..."` or `[...]`, which stands at text. */
static bool read_enclosed(struct header_words *words, const char *text)
{
    bool is_literal = *text == '[';
    char closing = is_literal ? ']' : '"';
    const char *end = text + 1;
    while (*end != '\0' && *end != closing) {
        if (is_literal && (*end == '[' || *end == '\\')) {
            return header_words_complain(words, end,
                                         "character that has no place in a literal");
        }
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    if (*end == '\0') {
        return header_words_complain(words, text, "quotation without end");
    }
    words->next = end + 1;
    if (is_literal) {
        words->word.kind = WORD_LITERAL;
        words->word.text =
            arena_copy_bytes(words->arena, text, (size_t)(words->next - text));
        return true;
    }
    char *copy = arena_alloc(words->arena, (size_t)(end - text));
    size_t length = 0;
    for (text++; text < end; text++) {
        text += *text == '\\';
        copy[length++] = *text == '\t' ? ' ' : *text; /* as Postfix reads it */
    }
    words->word.kind = WORD_QUOTED;
    words->word.text = copy;
    return true;
}

bool header_words_next(struct header_words *words)
{
    const char *text = words->next;
    while (*text == ' ' || *text == '\t' || *text == '(') {
        const char *behind = *text == '(' ? skip_comment(words, text) : text + 1;
        if (behind == NULL) {
            return header_words_complain(words, text, "comment without end");
        }
        text = behind;
    }
    words->word = (struct word){.kind = WORD_END, .text = "", .place = text};
    words->next = text;
    if (*text == '\0') {
        return true;
    }
    if (*text == '"' || *text == '[') {
        return read_enclosed(words, text);
    }
    if (strchr("<>@,;:.", *text) != NULL) {
        words->word.kind = WORD_SPECIAL;
        words->word.special = *text;
        words->next = text + 1;
        return true;
    }
    size_t length = strcspn(text, " \t()<>@,;:\\\".[]");
    if (length == 0) {
        return header_words_complain(words, text, "character that has no place there");
    }
    words->word.kind = WORD_ATOM;
    words->word.text = arena_copy_bytes(words->arena, text, length);
    words->next = text + length;
    return true;
}
