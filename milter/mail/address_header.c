/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/address_list.h"
#include "mail/address_search.h"
#include "mail/domain.h"
#include "mail/encoded_word.h"
#include "mail/header_word.h"
#include "mail/unicode.h"

#include <string.h>

/* The grammar looks at one word. Folds and control characters are gone before. */
struct header_parser {
    struct arena *arena;
    struct header_words words;
    struct encoded_words encoded;
    struct address_list *list;
    size_t size; /* of list->entries */
    bool in_group;
    bool had_group;           /* a list may be empty if it has one */
    struct buffer phrase;     /* the words of the current entry, as a display name */
    struct buffer local_part; /* and as an address */
};

static bool complain(const struct header_parser *parser, const char *place,
                     const char *what)
{
    return header_words_complain(&parser->words, place, what);
}

static bool complain_here(const struct header_parser *parser, const char *what)
{
    return complain(parser, parser->words.word.place, what);
}

static bool next_word(struct header_parser *parser)
{
    return header_words_next(&parser->words);
}

static bool at_special(const struct header_parser *parser, char special)
{
    return header_words_at(&parser->words, special);
}

static bool is_ascii(const char *text)
{
    return unicode_is_ascii(text, strlen(text));
}

/* As a mail program shows it: the words, then the comments. */
static const char *shown_name(struct header_parser *parser, const char *phrase)
{
    const char *name = encoded_words_decode(&parser->encoded, parser->arena, phrase);
    struct buffer *comments = &parser->words.comments;
    if (!parser->words.has_comments || comments->length == 0) {
        return name;
    }
    const char *comment =
        encoded_words_decode(&parser->encoded, parser->arena, comments->data);
    return name[0] == '\0' ? comment : arena_format(parser->arena, "%s %s", name, comment);
}

static bool holds_address(struct header_parser *parser, const char *name)
{
    struct address_search search = {.count = 0};
    address_search_text(parser->arena, name, &search);
    return search.count > 0 || search.truncated;
}

/* The address in local_part, with the comments beside it. */
static bool append(struct header_parser *parser, const char *phrase)
{
    struct address_list *list = parser->list;
    if (list->count == ADDRESS_LIST_HEADER_MAX) {
        return error_set(parser->words.error, ERROR_REMOTE, "more than %d addresses",
                         ADDRESS_LIST_HEADER_MAX);
    }
    list->entries = arena_grow(parser->arena, list->entries, list->count, &parser->size,
                               sizeof *list->entries);
    const char *internal = arena_copy(parser->arena, parser->local_part.data);
    list->entries[list->count++] = (struct listed_address){
        .internal = internal,
        .external = address_quote(parser->arena, internal),
        .display_name = shown_name(parser, phrase),
    };
    if (parser->words.has_comments) {
        buffer_clear(&parser->words.comments);
    }
    return true;
}

/* Brackets in a display name, `[ACME] Support <a@b.test>`: not by the grammar, but common,
 * and of one meaning as long as nothing in them means more to programs that do not know
 * them. */
static bool is_name_in_brackets(const struct word *word)
{
    return word->kind == WORD_LITERAL && strpbrk(word->text, "<>@,;:\"()") == NULL;
}

/* Words and dots up to something else: a display name or a local-part, which of them shows
 * only then. */
struct words {
    bool is_phrase;     /* begins with a word */
    bool has_brackets;  /* then it can be a display name only */
    bool is_local_part; /* words with one dot between them */
};

static bool read_words(struct header_parser *parser, struct words *words)
{
    bool word_before = false;
    size_t count = 0;
    *words = (struct words){.is_local_part = true};
    buffer_clear(&parser->phrase);
    buffer_clear(&parser->local_part);
    for (;; count++) {
        const struct word *word = &parser->words.word;
        bool dot = at_special(parser, '.');
        bool in_brackets = is_name_in_brackets(word);
        if (!dot && !in_brackets && word->kind != WORD_ATOM && word->kind != WORD_QUOTED) {
            break;
        }
        const char *text = dot ? "." : word->text;
        words->is_phrase = words->is_phrase || (count == 0 && !dot);
        words->has_brackets = words->has_brackets || in_brackets;
        words->is_local_part = words->is_local_part && word_before == dot && !in_brackets;
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
    const struct word *word = &parser->words.word;
    buffer_append_text(address, "@");
    if (!next_word(parser)) {
        return false;
    }
    if (word->kind == WORD_LITERAL) {
        buffer_append_text(address, word->text);
        return next_word(parser);
    }
    for (;;) {
        if (word->kind != WORD_ATOM) {
            return complain_here(parser, "no domain");
        }
        buffer_append_text(address, word->text);
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

/* What is wrong with the local-part before an address's last `@`, or NULL. */
static const char *local_part_fault(const char *local_part)
{
    if (local_part[0] == '\0') {
        return "empty local-part";
    }
    /* Some programs decode encoded words wherever they stand. */
    const char *encoded = strstr(local_part, "=?");
    if (encoded != NULL && strstr(encoded + 2, "?=") != NULL) {
        return "encoded text in the local-part before the domain";
    }
    /* Some look for the first `@`, in quotes or not; and Postfix takes `@x:` for a route.
     */
    return strchr(local_part, '@') != NULL ? "quoted @ in the local-part" : NULL;
}

/* Signs like `@`, `%` or `!` behind the first `@` lead some programs elsewhere. */
static bool check_domain(struct header_parser *parser, const char *domain,
                         const char *place)
{
    const char *ascii = domain;
    if (!is_ascii(domain)) {
        if (parser->list->idn_count == ADDRESS_LIST_HEADER_IDN_MAX) {
            return error_set(parser->words.error, ERROR_REMOTE,
                             "more than %d domains beyond ASCII",
                             ADDRESS_LIST_HEADER_IDN_MAX);
        }
        parser->list->idn_count++;
        ascii = domain_other_form(parser->arena, domain);
    }
    return (ascii != NULL && address_domain_is_valid(ascii)) ||
           complain(parser, place, "domain that is not valid");
}

/* `local-part@domain`, its words just read, the word being the `@`. Left in local_part. */
static bool read_address(struct header_parser *parser, const struct words *words)
{
    const char *place = parser->words.word.place;
    if (!at_special(parser, '@') || !words->is_local_part) {
        return complain(parser, place, "no address of the form local-part@domain");
    }
    const char *fault = local_part_fault(parser->local_part.data);
    if (fault != NULL) {
        return complain(parser, place, fault);
    }
    size_t length = parser->local_part.length;
    if (!read_domain(parser)) {
        return false;
    }
    fault = unicode_address_fault(parser->local_part.data);
    if (fault != NULL) {
        return complain(parser, place, fault);
    }
    return check_domain(parser, parser->local_part.data + length + 1, place);
}

/* `@a,@b:`, if it is there. Commas may stand alone. */
static bool read_route(struct header_parser *parser)
{
    if (!at_special(parser, '@')) {
        return true;
    }
    while (!at_special(parser, ':')) {
        bool at_domain = at_special(parser, '@');
        if (at_domain ? !read_domain(parser) : !next_word(parser)) {
            return false;
        }
        bool goes_on = at_special(parser, ',') || at_special(parser, ':') ||
                       (!at_domain && at_special(parser, '@'));
        if (!goes_on) {
            return complain_here(parser, "source route without end");
        }
    }
    return is_ascii(parser->local_part.data)
               ? next_word(parser)
               : complain_here(parser, "source route beyond ASCII");
}

/* `<@a,@b:local-part@domain>`; the word is the `<`. */
static bool read_angle_address(struct header_parser *parser)
{
    struct words words;
    if (!next_word(parser) || !read_route(parser) || !read_words(parser, &words) ||
        !read_address(parser, &words)) {
        return false;
    }
    if (!at_special(parser, '>')) {
        return complain_here(parser, "no closing bracket");
    }
    return next_word(parser);
}

static bool read_list(struct header_parser *parser);

/* `name: list;`, the word being the colon. */
static bool read_group(struct header_parser *parser)
{
    if (holds_address(parser, shown_name(parser, parser->phrase.data))) {
        return complain_here(parser, "address in the name of a group");
    }
    parser->in_group = true;
    if (!next_word(parser) || !read_list(parser)) {
        return false;
    }
    if (!at_special(parser, ';')) {
        return complain_here(parser, "group without end");
    }
    parser->in_group = false;
    parser->had_group = true;
    return next_word(parser);
}

/* `a@d <a@d>`, as telephones and printers write it: against the grammar, but it says one
 * thing. */
static bool read_repeated(struct header_parser *parser)
{
    const char *place = parser->words.word.place;
    char *shown = arena_copy(parser->arena, parser->local_part.data);
    if (!read_angle_address(parser)) {
        return false;
    }
    if (!text_equal_folded(shown, parser->local_part.data)) {
        return complain(parser, place, "another address than the one before the bracket");
    }
    return append(parser, shown);
}

static bool read_entry(struct header_parser *parser)
{
    struct words words;
    if (!read_words(parser, &words)) {
        return false;
    }
    if (at_special(parser, ':') && words.is_phrase && !words.has_brackets &&
        !parser->in_group) {
        return read_group(parser);
    }
    bool has_angle = at_special(parser, '<');
    if (words.has_brackets && !has_angle) {
        return complain_here(parser, "square brackets where no display name is");
    }
    if (has_angle && !words.is_phrase && parser->phrase.length > 0) {
        return complain_here(parser, "display name that begins with a dot");
    }
    char *name = arena_copy(parser->arena, has_angle ? parser->phrase.data : "");
    if (has_angle ? !read_angle_address(parser) : !read_address(parser, &words)) {
        return false;
    }
    if (!has_angle && at_special(parser, '<')) {
        return read_repeated(parser);
    }
    return append(parser, name);
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
        if (parser->words.word.kind == WORD_END ||
            (parser->in_group && at_special(parser, ';'))) {
            return true;
        }
        bool in_group = parser->in_group;
        if (!read_entry(parser)) {
            return false;
        }
        if (parser->words.word.kind != WORD_END && !at_special(parser, ',') &&
            !(in_group && at_special(parser, ';'))) {
            return complain_here(parser, "no comma behind an address");
        }
    }
}

/* A comment beside no address is shown as well, by some. */
static bool check_rest(struct header_parser *parser)
{
    if (parser->words.has_comments && holds_address(parser, shown_name(parser, ""))) {
        return complain_here(parser, "address in a comment beside none");
    }
    if (parser->encoded.exceeded) {
        return error_set(parser->words.error, ERROR_REMOTE, "more than %d character sets",
                         ENCODED_CHARSETS_MAX);
    }
    if (parser->list->count == 0 && !parser->had_group) {
        return error_set(parser->words.error, ERROR_REMOTE, "no address");
    }
    return true;
}

bool address_list_parse_header(struct arena *arena, const char *body,
                               struct address_list *list, struct error *error)
{
    *list = (struct address_list){0};
    struct header_parser parser = {.arena = arena, .list = list};
    if (strlen(body) > ADDRESS_LIST_HEADER_BYTES) {
        return error_set(error, ERROR_REMOTE, "more than %d bytes",
                         ADDRESS_LIST_HEADER_BYTES);
    }
    if (!header_words_begin(&parser.words, arena, body, error)) {
        return false;
    }
    /* A phrase has a blank for every word, where the body may have none. */
    buffer_init(&parser.phrase, 2 * strlen(body));
    buffer_init(&parser.local_part, strlen(body));
    bool parsed = next_word(&parser) && read_list(&parser) && check_rest(&parser);
    buffer_deinit(&parser.phrase);
    buffer_deinit(&parser.local_part);
    header_words_end(&parser.words);
    encoded_words_end(&parser.encoded);
    return parsed;
}
