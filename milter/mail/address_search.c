/* SPDX-License-Identifier: MIT */
#include "mail/address_search.h"

#include "base/text.h"
#include "mail/address.h"
#include "mail/encoded_word.h"
#include "mail/unicode.h"

#include <string.h>

/* A local-part or domain is looked for this far from its `@`, so time is linear. A domain
 * has at most so many dots with blanks around them. */
enum { REACH = 512, LITERAL_BYTES = 64, BRIDGES = 4, DOMAIN_BYTES = 255 };

/* Where a local-part may begin: three readings, each the end of the one before. */
enum reading {
    READING_ALL,   /* what RFC 6531 takes, signs like `=` and pictures too */
    READING_WORDS, /* letters of all scripts, digits and `._+-` */
    READING_ASCII, /* of these those in ASCII: words of other scripts may touch it */
    READINGS
};

struct scan {
    struct arena *arena;
    struct address_search *search;
    size_t sign_count; /* `@` looked at in this text */
    const char *locals[READINGS];
    size_t local_count;
};

void address_search_add(struct address_search *search, const char *internal)
{
    for (size_t i = 0; i < search->count; i++) {
        if (strcmp(search->found[i], internal) == 0) {
            return;
        }
    }
    if (search->count == ADDRESS_SEARCH_FOUND) {
        search->truncated = true;
        return;
    }
    search->found[search->count++] = internal;
}

/* Each local-part at this domain, if it is one. */
static void add_exactly(struct scan *scan, const char *domain, size_t length)
{
    const char *copy = arena_copy_bytes(scan->arena, domain, length);
    bool is_literal = copy[0] == '[';
    bool is_valid = is_literal || unicode_is_ascii(copy, length)
                        ? length > 0 && address_domain_is_valid(copy)
                        : length <= DOMAIN_BYTES;
    if (!is_valid || (!is_literal && strchr(copy, '.') == NULL)) {
        return;
    }
    for (size_t i = 0; i < scan->local_count; i++) {
        address_search_add(scan->search,
                           arena_format(scan->arena, "%s@%s", scan->locals[i], copy));
    }
}

static size_t trim_end(const char *text, size_t length, const char *characters)
{
    while (length > 0 && strchr(characters, text[length - 1]) != NULL) {
        length--;
    }
    return length;
}

/* Without what ends no domain; `_` may, but mostly belongs to the text. */
static void add_domain(struct scan *scan, const char *domain, size_t length)
{
    length = trim_end(domain, length, "-.");
    add_exactly(scan, domain, length);
    size_t trimmed = trim_end(domain, length, "-._");
    if (trimmed < length) {
        add_exactly(scan, domain, trimmed);
    }
}

static void add_local(struct scan *scan, const char *text, size_t length)
{
    length = trim_end(text, length, ".");
    if (length == 0 || scan->local_count == READINGS) {
        return;
    }
    const char *copy = arena_copy_bytes(scan->arena, text, length);
    for (size_t i = 0; i < scan->local_count; i++) {
        if (strcmp(scan->locals[i], copy) == 0) {
            return;
        }
    }
    scan->locals[scan->local_count++] = copy;
}

static bool is_blank(char c)
{
    return text_is_space(c);
}

static bool is_plain(char c)
{
    char folded = text_fold_char(c);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._+-", c) != NULL);
}

/* How far the character before end lets readings go on. */
static enum reading classify(const char *character, size_t length)
{
    if (length == 1) {
        return is_plain(*character)                          ? READING_ASCII
               : strchr("!#$%&'*/=?^`{|}~", *character) != 0 ? READING_ALL
                                                             : READINGS;
    }
    switch (unicode_classify(character, length)) {
    case UNICODE_WORD:
        return READING_WORDS;
    case UNICODE_SYMBOL:
        return READING_ALL;
    case UNICODE_OTHER:
        break;
    }
    return READINGS;
}

static const char *character_before(const char *text, const char *end)
{
    do {
        end--;
    } while (end > text && ((unsigned char)*end & 0xc0) == 0x80);
    return end;
}

/* The unquoted local-part whose closing quote stands before end. */
static bool find_quoted(struct scan *scan, const char *text, const char *end)
{
    const char *last = end - 1;
    const char *first = last;
    do {
        if (first == text || last - first > REACH) {
            return false;
        }
        first--;
    } while (*first != '"' || (first > text && first[-1] == '\\'));
    char *copy = arena_alloc(scan->arena, (size_t)(last - first));
    size_t length = 0;
    for (const char *c = first + 1; c < last; c++) {
        c += *c == '\\' && c + 1 < last;
        copy[length++] = *c;
    }
    if (length > 0) {
        scan->locals[scan->local_count++] = copy;
    }
    return length > 0;
}

static void find_locals(struct scan *scan, const char *text, const char *sign)
{
    const char *end = sign;
    scan->local_count = 0;
    while (end > text && (is_blank(end[-1]) || end[-1] == '\\')) {
        end--;
    }
    if (end > text && end[-1] == '"') {
        if (find_quoted(scan, text, end)) {
            return;
        }
        end--;
    }
    const char *begins[READINGS] = {NULL};
    size_t open = READINGS; /* readings that go on */
    const char *place = end;
    while (open > 0 && end - place < REACH) {
        const char *before = place > text ? character_before(text, place) : place;
        size_t reaches =
            before < place ? (size_t)classify(before, (size_t)(place - before)) : READINGS;
        if (reaches == READINGS) {
            reaches = 0;
        } else {
            reaches++; /* readings up to this one go on */
        }
        while (open > reaches) {
            begins[--open] = place;
        }
        place = before;
    }
    for (size_t i = 0; i < READINGS; i++) {
        const char *begin = begins[i];
        const char *strip = i == READING_ALL ? ".'`*" : i == READING_WORDS ? "." : "._+-";
        if (begin != NULL) {
            while (begin < end && strchr(strip, *begin) != NULL) {
                begin++;
            }
            add_local(scan, begin, (size_t)(end - begin));
        }
    }
}

/* Length of the domain character at text, or 0. */
static size_t domain_step(const char *text)
{
    if ((unsigned char)*text < 0x80) {
        return is_plain(*text) && *text != '.' && *text != '+' ? 1 : 0;
    }
    size_t length = text_utf8_length(text, strnlen(text, 4));
    return length > 0 && unicode_classify(text, length) == UNICODE_WORD ? length : 0;
}

static void find_literal(struct scan *scan, const char *text)
{
    char literal[LITERAL_BYTES];
    size_t used = 0;
    for (; *text != '\0' && used + 1 < sizeof literal; text++) {
        if (!is_blank(*text)) {
            literal[used++] = *text;
        }
        if (*text == ']') {
            add_domain(scan, literal, used);
            return;
        }
    }
}

/* The part in ASCII of a domain that a word of another script may touch. */
static void add_ascii_part(struct scan *scan, const char *domain, size_t length)
{
    size_t ascii = 0;
    while (ascii < length && (unsigned char)domain[ascii] < 0x80) {
        ascii++;
    }
    if (ascii < length) {
        add_domain(scan, domain, ascii);
    }
}

static void find_domain(struct scan *scan, const char *text)
{
    while (is_blank(*text) || *text == '\\' || *text == '"') {
        text++;
    }
    if (*text == '[') {
        find_literal(scan, text);
        return;
    }
    char domain[REACH + 8];
    size_t used = 0;
    size_t bridges = 0;
    for (;;) {
        size_t step;
        while ((step = domain_step(text)) > 0 && used < REACH) {
            memcpy(domain + used, text, step);
            used += step;
            text += step;
        }
        const char *behind = text;
        size_t dots = 0;
        for (; *behind == '.' || is_blank(*behind); behind++) {
            dots += *behind == '.';
        }
        if (used == 0 || used >= REACH || dots == 0 || domain_step(behind) == 0) {
            break;
        }
        if (behind - text > 1) { /* a sentence may end there, or not */
            add_domain(scan, domain, used);
            if (++bridges > BRIDGES) {
                return;
            }
        }
        domain[used++] = '.';
        text = behind;
    }
    add_domain(scan, domain, used);
    add_ascii_part(scan, domain, used);
}

static void search_flat(struct scan *scan, const char *text)
{
    for (const char *sign = strchr(text, '@'); sign != NULL; sign = strchr(sign + 1, '@')) {
        if (++scan->sign_count > ADDRESS_SEARCH_SIGNS) {
            scan->search->truncated = true;
        }
        if (scan->search->truncated) {
            return;
        }
        find_locals(scan, text, sign);
        if (scan->local_count > 0) {
            find_domain(scan, sign + 1);
        }
    }
}

static size_t count_signs(const char *text, char sign)
{
    size_t count = 0;
    for (; (text = strchr(text, sign)) != NULL; text++) {
        count++;
    }
    return count;
}

/* NULL when there are none. What opens and does not close is no comment. */
static char *without_comments(struct arena *arena, const char *text)
{
    size_t opening = count_signs(text, '(');
    if (opening == 0) {
        return NULL;
    }
    char *copy = arena_alloc(arena, strlen(text) + 1);
    size_t *kept = arena_array(arena, opening, sizeof *kept); /* of copy, before each `(` */
    size_t used = 0;
    size_t depth = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '(') {
            kept[depth++] = used;
        }
        copy[used++] = *c;
        if (*c == '\\' && c[1] != '\0') {
            copy[used++] = *++c;
        } else if (*c == ')' && depth > 0) {
            used = kept[--depth];
        }
    }
    copy[used] = '\0';
    return copy;
}

static void search_with_comments(struct scan *scan, const char *text)
{
    search_flat(scan, text);
    const char *bridged = without_comments(scan->arena, text);
    if (bridged != NULL) {
        scan->sign_count = 0;
        search_flat(scan, bridged);
    }
}

/* The sign, and what becomes one in unicode_flatten. Most texts have none. */
static bool has_sign(const char *text)
{
    return strchr(text, '@') != NULL || strstr(text, "\xef\xbc\xa0") != NULL ||
           strstr(text, "\xef\xb9\xab") != NULL;
}

static void search_clean(struct arena *arena, const char *text,
                         struct address_search *search)
{
    if (search->truncated || !has_sign(text)) {
        return;
    }
    struct scan scan = {.arena = arena, .search = search};
    search_with_comments(&scan, unicode_flatten(arena, text));
    const char *reversed = unicode_reverse_overridden(arena, text);
    if (reversed != NULL) {
        search_with_comments(&scan, unicode_flatten(arena, reversed));
    }
}

/* What is searched of it. */
static const char *begin_of(struct arena *arena, const char *text)
{
    bool fits = strnlen(text, ADDRESS_SEARCH_BYTES + 1) <= ADDRESS_SEARCH_BYTES;
    return fits ? text : arena_copy_bytes(arena, text, ADDRESS_SEARCH_BYTES);
}

void address_search_text(struct arena *arena, const char *text,
                         struct address_search *search)
{
    const char *begin = begin_of(arena, text);
    if (has_sign(begin)) {
        search_clean(arena, unicode_clean(arena, begin, strlen(begin)), search);
    }
    search->truncated = search->truncated || begin != text;
}

/* Some programs drop control characters, others take them for blanks. */
static const char *without_controls(struct arena *arena, const char *text)
{
    char *copy = arena_alloc(arena, strlen(text) + 1);
    size_t used = 0;
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        unsigned char c = (unsigned char)text[length];
        if ((c >= ' ' && c != 0x7f) || c == '\t') {
            copy[used++] = text[length];
        }
    }
    return used < length ? copy : NULL;
}

void address_search_header(struct arena *arena, const char *whole,
                           struct address_search *search)
{
    const char *body = begin_of(arena, whole);
    bool exceeded = body != whole;
    const char *dropped = without_controls(arena, body);
    const char *texts[] = {body, dropped};
    struct encoded_words words = {.charset_count = 0};
    for (size_t i = 0; i < 2 && texts[i] != NULL; i++) {
        address_search_text(arena, texts[i], search);
        if (strstr(texts[i], "=?") != NULL) {
            search_clean(arena, encoded_words_decode(&words, arena, texts[i]), search);
        }
    }
    search->truncated = search->truncated || words.exceeded || exceeded;
    encoded_words_end(&words);
}
