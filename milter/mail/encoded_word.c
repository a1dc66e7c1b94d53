/* SPDX-License-Identifier: MIT */
#include "mail/encoded_word.h"

#include "base/buffer.h"
#include "base/text.h"
#include "mail/unicode.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { GROWTH = 16 };

struct encoded_word {
    char charset[ENCODED_CHARSET_BYTES];
    bool is_base64;
    const char *text;
    size_t length;
    const char *end; /* behind the word */
};

struct decoder {
    struct encoded_words *words;
    struct arena *arena;
    struct buffer output;
    struct buffer bytes; /* of adjacent words with one charset: may end amid a character */
    char charset[ENCODED_CHARSET_BYTES]; /* theirs, "" without one */
    bool is_utf8;
    iconv_t converter; /* NULL: not needed, or the charset is not known */
};

/* Names that mail programs know and iconv does not, or takes for a smaller set. */
static const char *known_name(const char *charset)
{
    static const struct {
        const char *name, *meant;
    } names[] = {
        {"utf8", "utf-8"},
        {"unicode-1-1-utf-8", "utf-8"},
        {"us-ascii", "utf-8"},
        {"ascii", "utf-8"},
        {"iso-8859-1", "windows-1252"},
        {"latin1", "windows-1252"},
        {"iso-8859-9", "windows-1254"},
        {"iso-8859-8-i", "iso-8859-8"},
        {"iso-8859-8-e", "iso-8859-8"},
        {"gb2312", "gb18030"},
        {"gbk", "gb18030"},
        {"x-gbk", "gb18030"},
        {"ks_c_5601-1987", "cp949"},
        {"euc-kr", "cp949"},
        {"shift_jis", "cp932"},
        {"x-sjis", "cp932"},
        {"x-euc-jp", "euc-jp"},
        {"x-mac-roman", "macintosh"},
        {"unicode-1-1-utf-7", "utf-7"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_equal_folded(names[i].name, charset)) {
            return names[i].meant;
        }
    }
    return charset;
}

static iconv_t open_charset(struct encoded_words *words, const char *name)
{
    for (size_t i = 0; i < words->charset_count; i++) {
        if (text_equal_folded(words->charsets[i].name, name)) {
            return words->charsets[i].converter;
        }
    }
    if (words->charset_count == ENCODED_CHARSETS_MAX) {
        words->exceeded = true;
        return NULL;
    }
    /* One that nobody knows counts as well: to find that out takes its time. */
    size_t place = words->charset_count++;
    iconv_t converter = iconv_open("UTF-8", name);
    snprintf(words->charsets[place].name, ENCODED_CHARSET_BYTES, "%s", name);
    words->charsets[place].converter = (intptr_t)converter == -1 ? NULL : converter;
    return words->charsets[place].converter;
}

void encoded_words_end(struct encoded_words *words)
{
    for (size_t i = 0; i < words->charset_count; i++) {
        if (words->charsets[i].converter != NULL) {
            iconv_close(words->charsets[i].converter);
        }
    }
    words->charset_count = 0;
}

/* Bytes that the charset does not have become U+FFFD each. */
static void convert(struct decoder *decoder, struct buffer *converted)
{
    char *input = decoder->bytes.data;
    size_t left = decoder->bytes.length;
    iconv(decoder->converter, NULL, NULL, NULL, NULL);
    for (;;) {
        char piece[1024];
        char *output = piece;
        size_t room = sizeof piece;
        size_t before = left;
        size_t status =
            iconv(decoder->converter, left > 0 ? &input : NULL, &left, &output, &room);
        int reason = status == (size_t)-1 ? errno : 0;
        buffer_append(converted, piece, sizeof piece - room);
        if (reason == 0 && left == 0 && before == 0) {
            return; /* what the converter held back came with this call */
        }
        if (reason == E2BIG && (left < before || room < sizeof piece)) {
            continue;
        }
        if (reason != 0 || (left > 0 && left == before)) {
            buffer_append_text(converted, "\xef\xbf\xbd");
            if (left == 0) {
                return;
            }
            input++;
            left--;
        }
    }
}

static void flush(struct decoder *decoder)
{
    if (decoder->bytes.length == 0) {
        return;
    }
    const struct buffer *bytes = &decoder->bytes;
    struct buffer converted;
    if (!decoder->is_utf8) {
        buffer_init(&converted, GROWTH * bytes->length + 16);
        convert(decoder, &converted);
        bytes = &converted;
    }
    buffer_append_text(&decoder->output,
                       unicode_clean(decoder->arena, bytes->data, bytes->length));
    if (!decoder->is_utf8) {
        buffer_deinit(&converted);
    }
    buffer_clear(&decoder->bytes);
}

/* `charset` or `charset*language`, up to the `?`, which is returned; NULL when it is none.
 */
static const char *read_charset(const char *text, char *charset)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.:+()";
    size_t length = strspn(text, characters);
    if (length == 0 || length >= ENCODED_CHARSET_BYTES) {
        return NULL;
    }
    memset(charset, 0, ENCODED_CHARSET_BYTES);
    memcpy(charset, text, length);
    text += length;
    if (*text == '*') {
        text++;
        text += strspn(text, characters);
    }
    return *text == '?' ? text : NULL;
}

/* The word that begins with the `=?` at place. What looks like the beginning of another one
 * is not within a word. */
static bool read_word(const char *place, struct encoded_word *word)
{
    const char *text = read_charset(place + 2, word->charset);
    if (text == NULL || text[1] == '\0' || strchr("bBqQ", text[1]) == NULL ||
        text[2] != '?') {
        return false;
    }
    word->is_base64 = text_fold_char(text[1]) == 'b';
    word->text = text + 3;
    for (const char *c = word->text; (c = strpbrk(c, "?=")) != NULL; c++) {
        if (c[0] == '?' && c[1] == '=') {
            word->length = (size_t)(c - word->text);
            word->end = c + 2;
            return true;
        }
        if (c[0] == '=' && c[1] == '?' && c[2] != '=') {
            return false;
        }
    }
    return false;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = c != '\0' ? strchr(digits, text_fold_char(c)) : NULL;
    return digit != NULL ? (int)(digit - digits) : -1;
}

static void decode_quoted(const struct encoded_word *word, struct buffer *bytes)
{
    for (size_t i = 0; i < word->length; i++) {
        char c = word->text[i] == '_' ? ' ' : word->text[i];
        if (c == '=' && i + 2 < word->length) {
            int high = hex_value(word->text[i + 1]);
            int low = hex_value(word->text[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        buffer_append(bytes, &c, 1);
    }
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Is there a whole byte in it, or nothing to decode? */
static bool has_content(const struct encoded_word *word)
{
    if (!word->is_base64 || word->length == 0) {
        return true;
    }
    size_t digits = 0;
    for (size_t i = 0; i < word->length && digits < 2; i++) {
        digits += strchr(base64_digits, word->text[i]) != NULL;
    }
    return digits == 2;
}

/* As mail programs do it: characters that are none of base64 are passed over, and padding
 * may be missing or stand in the middle. */
static void decode_base64(const struct encoded_word *word, struct buffer *bytes)
{
    unsigned bits = 0;
    unsigned held = 0; /* number of bits not written yet */
    for (size_t i = 0; i < word->length; i++) {
        const char *digit = strchr(base64_digits, word->text[i]);
        if (word->text[i] == '=') {
            held = 0;
        } else if (digit != NULL) {
            bits = (bits << 6 | (unsigned)(digit - base64_digits)) & 0xffff;
            held += 6;
            if (held >= 8) {
                held -= 8;
                char byte = (char)(bits >> held & 0xff);
                buffer_append(bytes, &byte, 1);
            }
        }
    }
}

/* What nobody knows some programs show as it is, others as if it were UTF-8. False: there
 * are too many. */
static bool use_charset(struct decoder *decoder, const char *charset)
{
    if (!text_equal_folded(decoder->charset, charset)) {
        flush(decoder);
        const char *name = known_name(charset);
        memcpy(decoder->charset, charset, ENCODED_CHARSET_BYTES);
        decoder->is_utf8 = text_equal_folded(name, "utf-8");
        decoder->converter = decoder->is_utf8 ? NULL : open_charset(decoder->words, name);
        decoder->is_utf8 =
            decoder->is_utf8 || (decoder->converter == NULL && !decoder->words->exceeded);
    }
    return decoder->is_utf8 || decoder->converter != NULL;
}

static void take_word(struct decoder *decoder, const struct encoded_word *word)
{
    if (word->is_base64) {
        decode_base64(word, &decoder->bytes);
    } else {
        decode_quoted(word, &decoder->bytes);
    }
}

static void take_literal(struct decoder *decoder, const char *text, size_t length)
{
    if (length > 0) {
        flush(decoder);
        buffer_append_text(&decoder->output, unicode_clean(decoder->arena, text, length));
    }
}

static bool is_space(const char *text, const char *end)
{
    while (text < end && text_is_space(*text)) {
        text++;
    }
    return text == end;
}

/* The next `=?`, or NULL. */
static const char *find_word(const char *text)
{
    do {
        text = strchr(text, '=');
    } while (text != NULL && *++text != '?');
    return text != NULL ? text - 1 : NULL;
}

static void decode_words(struct decoder *decoder, const char *text)
{
    const char *done = text; /* all before is taken */
    const char *place = text;
    bool after_word = false;
    while ((place = find_word(place)) != NULL) {
        struct encoded_word word;
        if (!read_word(place, &word)) {
            place += 2;
            continue;
        }
        bool is_known = use_charset(decoder, word.charset) && has_content(&word);
        /* Blanks between two words only keep them apart. */
        if (!is_known || !after_word || !is_space(done, place)) {
            take_literal(decoder, done, (size_t)(place - done));
        }
        if (is_known) {
            take_word(decoder, &word);
        } else {
            take_literal(decoder, place, (size_t)(word.end - place));
        }
        after_word = is_known;
        done = place = word.end;
    }
    take_literal(decoder, done, strlen(done));
    flush(decoder);
}

const char *encoded_words_decode(struct encoded_words *words, struct arena *arena,
                                 const char *text)
{
    size_t length = strlen(text);
    if (strstr(text, "=?") == NULL) {
        return unicode_clean(arena, text, length);
    }
    struct decoder decoder = {.words = words, .arena = arena};
    buffer_init(&decoder.output, GROWTH * length + 16);
    buffer_init(&decoder.bytes, length);
    decode_words(&decoder, text);
    const char *decoded = arena_copy(arena, decoder.output.data);
    buffer_deinit(&decoder.output);
    buffer_deinit(&decoder.bytes);
    return decoded;
}
