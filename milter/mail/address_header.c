/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/address_list.h"

#include <string.h>

/* Deeper nesting than this in a comment is an attack on somebody's parser. */
enum { COMMENT_DEPTH_MAX = 32 };

enum word_kind {
    WORD_ATOM,
    WORD_QUOTED,
    WORD_LITERAL, /* with its brackets */
    WORD_SPECIAL, /* one of <>@,;:. */
    WORD_END
};

struct word {
    enum word_kind kind;
    char special;
    const char *text; /* unquoted; "" for WORD_SPECIAL and WORD_END */
    const char *place;
};

/* The grammar looks at one word. Folds and control characters are gone before. */
struct header_parser {
    struct arena *arena;
    const char *body;
    const char *next; /* behind the current word */
    struct word word;
    struct address_list *list;
    size_t size; /* of list->entries */
    bool in_group;
    bool had_group;           /* a list may be empty if it has one */
    struct buffer phrase;     /* the words of the current entry, as a display name */
    struct buffer local_part; /* and as an address */
    struct error *error;
};

static bool complain(const struct header_parser *parser, const char *place,
                     const char *what)
{
    return error_set(parser->error, ERROR_REMOTE, "%s at character %zu", what,
                     (size_t)(place - parser->body) + 1);
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

/* Behind the comment that begins at text; NULL when it does not end. */
static const char *skip_comment(const char *text)
{
    size_t depth = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0') {
            text++;
        } else if (*text == '(' && ++depth > COMMENT_DEPTH_MAX) {
            return NULL;
        } else if (*text == ')' && --depth == 0) {
            return text + 1;
        }
    }
    return NULL;
}

/* `"..."` or `[...]`, which stands at text. */
static bool read_enclosed(struct header_parser *parser, const char *text)
{
    bool is_literal = *text == '[';
    char closing = is_literal ? ']' : '"';
    const char *end = text + 1;
    while (*end != '\0' && *end != closing) {
        if (is_literal && (*end == '[' || *end == '\\')) {
            return complain(parser, end, "character that has no place in a literal");
        }
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    if (*end == '\0') {
        return complain(parser, text, "quotation without end");
    }
    parser->next = end + 1;
    if (is_literal) {
        parser->word.kind = WORD_LITERAL;
        parser->word.text =
            arena_copy_bytes(parser->arena, text, (size_t)(parser->next - text));
        return true;
    }
    char *copy = arena_alloc(parser->arena, (size_t)(end - text));
    size_t length = 0;
    for (text++; text < end; text++) {
        text += *text == '\\';
        copy[length++] = *text == '\t' ? ' ' : *text; /* as Postfix reads it */
    }
    parser->word.kind = WORD_QUOTED;
    parser->word.text = copy;
    return true;
}

static bool next_word(struct header_parser *parser)
{
    const char *text = parser->next;
    while (*text == ' ' || *text == '\t' || *text == '(') {
        const char *behind = *text == '(' ? skip_comment(text) : text + 1;
        if (behind == NULL) {
            return complain(parser, text, "comment without end");
        }
        text = behind;
    }
    parser->word = (struct word){.kind = WORD_END, .text = "", .place = text};
    parser->next = text;
    if (*text == '\0') {
        return true;
    }
    if (*text == '"' || *text == '[') {
        return read_enclosed(parser, text);
    }
    if (strchr("<>@,;:.", *text) != NULL) {
        parser->word.kind = WORD_SPECIAL;
        parser->word.special = *text;
        parser->next = text + 1;
        return true;
    }
    size_t length = strcspn(text, " \t()<>@,;:\\\".[]");
    if (length == 0) {
        return complain(parser, text, "character that has no place there");
    }
    parser->word.kind = WORD_ATOM;
    parser->word.text = arena_copy_bytes(parser->arena, text, length);
    parser->next = text + length;
    return true;
}

static bool at_special(const struct header_parser *parser, char special)
{
    return parser->word.kind == WORD_SPECIAL && parser->word.special == special;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

static void append(struct header_parser *parser, const char *internal, const char *name)
{
    struct address_list *list = parser->list;
    if (list->count == parser->size) {
        parser->size = parser->size > 0 ? parser->size * 2 : 4;
        struct listed_address *entries =
            arena_array(parser->arena, parser->size, sizeof *entries);
        if (list->count > 0) {
            memcpy(entries, list->entries, list->count * sizeof *entries);
        }
        list->entries = entries;
    }
    list->entries[list->count++] = (struct listed_address){
        .internal = internal,
        .external = address_quote(parser->arena, internal),
        .display_name = arena_copy(parser->arena, name),
    };
}

/* Words and dots up to something else: a display name or a local-part, which of them shows
 * only then. */
struct words {
    bool is_phrase;     /* begins with a word */
    bool is_local_part; /* words with one dot between them, in ASCII */
};

static bool read_words(struct header_parser *parser, struct words *words)
{
    bool word_before = false;
    size_t count = 0;
    *words = (struct words){.is_local_part = true};
    buffer_clear(&parser->phrase);
    buffer_clear(&parser->local_part);
    for (;; count++) {
        bool dot = at_special(parser, '.');
        if (!dot && parser->word.kind != WORD_ATOM && parser->word.kind != WORD_QUOTED) {
            break;
        }
        const char *text = dot ? "." : parser->word.text;
        words->is_phrase = words->is_phrase || (count == 0 && !dot);
        words->is_local_part =
            words->is_local_part && word_before == dot && is_ascii(parser->word.text);
        if (count > 0 && !dot) {
            buffer_append_text(&parser->phrase, " ");
        }
        buffer_append_text(&parser->phrase, text);
        buffer_append_text(&parser->local_part, text);
        word_before = !dot;
        if (!next_word(parser)) {
            return false;
        }
    }
    words->is_local_part = words->is_local_part && word_before;
    return true;
}

/* Appends `@domain` to the local-part; the word is the `@`. */
static bool read_domain(struct header_parser *parser)
{
    struct buffer *address = &parser->local_part;
    buffer_append_text(address, "@");
    if (!next_word(parser)) {
        return false;
    }
    if (parser->word.kind == WORD_LITERAL && is_ascii(parser->word.text)) {
        buffer_append_text(address, parser->word.text);
        return next_word(parser);
    }
    for (;;) {
        if (parser->word.kind != WORD_ATOM || !is_ascii(parser->word.text)) {
            return complain(parser, parser->word.place, "no domain");
        }
        buffer_append_text(address, parser->word.text);
        if (!next_word(parser)) {
            return false;
        }
        if (!at_special(parser, '.')) {
            return true;
        }
        buffer_append_text(address, ".");
        if (!next_word(parser)) {
            return false;
        }
    }
}

/* `local-part@domain`, its words just read, the word being the `@`. Left in local_part. */
static bool read_address(struct header_parser *parser, const struct words *words)
{
    const char *place = parser->word.place;
    if (!at_special(parser, '@') || !words->is_local_part) {
        return complain(parser, place, "no address of the form local-part@domain");
    }
    /* Some programs decode encoded words wherever they stand. */
    const char *encoded = strstr(parser->local_part.data, "=?");
    if (encoded != NULL && strstr(encoded + 2, "?=") != NULL) {
        return complain(parser, place, "encoded text in the local-part before the domain");
    }
    size_t length = parser->local_part.length;
    if (!read_domain(parser)) {
        return false;
    }
    /* Within quotes no route to a header, but Postfix takes it for one. */
    const char *address = parser->local_part.data;
    if (address[0] == '@' && strchr(address, ':') != NULL) {
        return complain(parser, place, "quoted source route");
    }
    /* Signs like `@`, `%` or `!` behind the first `@` lead some programs elsewhere. */
    return address_domain_is_valid(address + length + 1) ||
           complain(parser, place, "domain that is not valid");
}

/* `<@a,@b:local-part@domain>`; the word is the `<`. */
static bool read_angle_address(struct header_parser *parser)
{
    struct words words;
    if (!next_word(parser)) {
        return false;
    }
    bool routed = at_special(parser, '@');
    while (at_special(parser, '@') || (routed && at_special(parser, ','))) {
        if (at_special(parser, '@') ? !read_domain(parser) : !next_word(parser)) {
            return false;
        }
    }
    if (routed && !at_special(parser, ':')) {
        return complain(parser, parser->word.place, "source route without end");
    }
    if ((routed && !next_word(parser)) || !read_words(parser, &words) ||
        !read_address(parser, &words)) {
        return false;
    }
    if (!at_special(parser, '>')) {
        return complain(parser, parser->word.place, "no closing bracket");
    }
    return next_word(parser);
}

static bool read_list(struct header_parser *parser);

/* `name: list;`, the word being the colon. */
static bool read_group(struct header_parser *parser)
{
    parser->in_group = true;
    if (!next_word(parser) || !read_list(parser)) {
        return false;
    }
    if (!at_special(parser, ';')) {
        return complain(parser, parser->word.place, "group without end");
    }
    parser->in_group = false;
    parser->had_group = true;
    return next_word(parser);
}

/* `a@d <a@d>`, as telephones and printers write it: against the grammar, but it says one
 * thing. */
static bool read_repeated(struct header_parser *parser)
{
    const char *place = parser->word.place;
    char *shown = arena_copy(parser->arena, parser->local_part.data);
    if (!read_angle_address(parser)) {
        return false;
    }
    if (!text_equal_folded(shown, parser->local_part.data)) {
        return complain(parser, place, "another address than the one before the bracket");
    }
    append(parser, arena_copy(parser->arena, parser->local_part.data), shown);
    return true;
}

static bool read_entry(struct header_parser *parser)
{
    struct words words;
    if (!read_words(parser, &words)) {
        return false;
    }
    if (at_special(parser, ':') && words.is_phrase && !parser->in_group) {
        return read_group(parser);
    }
    bool has_brackets = at_special(parser, '<');
    if (has_brackets && !words.is_phrase && parser->phrase.length > 0) {
        return complain(parser, parser->word.place, "display name that begins with a dot");
    }
    char *name = arena_copy(parser->arena, has_brackets ? parser->phrase.data : "");
    if (has_brackets ? !read_angle_address(parser) : !read_address(parser, &words)) {
        return false;
    }
    if (!has_brackets && at_special(parser, '<')) {
        return read_repeated(parser);
    }
    append(parser, arena_copy(parser->arena, parser->local_part.data), name);
    return true;
}

/* Up to the end of the body or group. Elements of an obsolete list may be empty. */
static bool read_list(struct header_parser *parser)
{
    for (;;) {
        if (at_special(parser, ',')) {
            if (!next_word(parser)) {
                return false;
            }
            continue;
        }
        if (parser->word.kind == WORD_END ||
            (parser->in_group && at_special(parser, ';'))) {
            return true;
        }
        bool in_group = parser->in_group;
        if (!read_entry(parser)) {
            return false;
        }
        if (parser->word.kind != WORD_END && !at_special(parser, ',') &&
            !(in_group && at_special(parser, ';'))) {
            return complain(parser, parser->word.place, "no comma behind an address");
        }
    }
}

bool address_list_parse_header(struct arena *arena, const char *body,
                               struct address_list *list, struct error *error)
{
    *list = (struct address_list){0};
    struct header_parser parser = {.arena = arena, .list = list, .error = error};
    parser.body = parser.next = unfold(arena, body);
    if (parser.body == NULL) {
        return error_set(error, ERROR_REMOTE,
                         "control character or line end without a fold");
    }
    /* A phrase has a blank for every word, where the body may have none. */
    buffer_init(&parser.phrase, 2 * strlen(body));
    buffer_init(&parser.local_part, strlen(body));
    bool parsed = next_word(&parser) && read_list(&parser);
    buffer_deinit(&parser.phrase);
    buffer_deinit(&parser.local_part);
    if (parsed && list->count == 0 && !parser.had_group) {
        return error_set(error, ERROR_REMOTE, "no address");
    }
    return parsed;
}
