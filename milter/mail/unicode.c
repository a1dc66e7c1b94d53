/* SPDX-License-Identifier: MIT */
#include "mail/unicode.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define IDEOGRAPHIC_STOP "\xe3\x80\x82"
/* U+202E, in bytes that do not turn this line round. */
static const char right_to_left_override[] = {'\xe2', '\x80', '\xae', '\0'};

bool unicode_is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static size_t encode(char *buffer, ucs4_t character)
{
    return (size_t)u8_uctomb((uint8_t *)buffer, character, 4);
}

/* The character at text; length is that of what is left. */
static ucs4_t decode(const char *text, size_t length, size_t *step)
{
    ucs4_t character;
    *step = (size_t)u8_mbtouc(&character, (const uint8_t *)text, length);
    return character;
}

char *unicode_clean(struct arena *arena, const void *bytes, size_t length)
{
    const char *text = bytes;
    size_t beyond_ascii = 0;
    for (size_t i = 0; i < length; i++) {
        beyond_ascii += (unsigned char)text[i] >= 0x80;
    }
    char *clean = arena_alloc(arena, length + 2 * beyond_ascii + 1);
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        unsigned char first = (unsigned char)text[i];
        if (first < 0x80) {
            clean[used++] = first < ' ' || first == 0x7f ? ' ' : text[i];
            i++;
            continue;
        }
        size_t step = text_utf8_length(text + i, length - i);
        ucs4_t character = first < 0xa0 ? UNICODE_REPLACEMENT : first;
        if (step > 0) {
            character = decode(text + i, length - i, &step);
        }
        bool is_control = character < 0xa0 || character == 0x2028 || character == 0x2029;
        used += encode(clean + used, is_control ? ' ' : character);
        i += step > 0 ? step : 1;
    }
    return clean;
}

static bool is_unseen(ucs4_t character)
{
    return uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cf) ||
           uc_is_property_default_ignorable_code_point(character);
}

static bool is_blank(ucs4_t character)
{
    return uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Z);
}

/* In a normal form; NULL without memory or for other text than UTF-8. To be freed. */
static char *normalize(uninorm_t form, const char *text, size_t length, size_t *result)
{
    return (char *)u8_normalize(form, (const uint8_t *)text, length, NULL, result);
}

/* Without unseen characters, in place. */
static size_t drop_unseen(char *text, size_t length)
{
    size_t used = 0;
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        ucs4_t character = decode(text + i, length - i, &step);
        if (!is_unseen(character)) {
            memmove(text + used, text + i, step);
            used += step;
        }
    }
    text[used] = '\0';
    return used;
}

/* The stops of UTS 46 that no normal form makes plain. */
static char plain_form(ucs4_t character)
{
    return character == 0x3002 || character == 0xff61 ? '.'
           : is_blank(character)                      ? ' '
                                                      : '\0';
}

char *unicode_flatten(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    char *copy = arena_copy_bytes(arena, text, length);
    if (unicode_is_ascii(text, length)) {
        return copy;
    }
    /* Unseen characters go first: they keep letter and accent apart. */
    length = drop_unseen(copy, length);
    char *normal = normalize(UNINORM_NFKC, copy, length, &length);
    if (normal == NULL) {
        return copy;
    }
    char *flat = arena_copy_bytes(arena, normal, length);
    free(normal);
    length = drop_unseen(flat, length);
    size_t used = 0;
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        char plain = plain_form(decode(flat + i, length - i, &step));
        if (plain != '\0') {
            flat[used++] = plain;
        } else {
            memmove(flat + used, flat + i, step);
            used += step;
        }
    }
    flat[used] = '\0';
    return flat;
}

char *unicode_reverse_overridden(struct arena *arena, const char *text)
{
    if (strstr(text, right_to_left_override) == NULL) {
        return NULL;
    }
    size_t length = strlen(text);
    char *reversed = arena_alloc(arena, length + 1);
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        decode(text + i, length - i, &step);
        memcpy(reversed + length - i - step, text + i, step);
    }
    return reversed;
}

const char *unicode_address_fault(const char *address)
{
    size_t length = strlen(address);
    if (unicode_is_ascii(address, length)) {
        return NULL;
    }
    if (u8_check((const uint8_t *)address, length) != NULL) {
        return "bytes that are no UTF-8 in an address";
    }
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        ucs4_t character = decode(address + i, length - i, &step);
        bool is_control =
            uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cc) ||
            is_unseen(character);
        if (is_control || (character >= 0x80 && is_blank(character))) {
            return "character that nobody sees in an address";
        }
    }
    size_t plain_length = 0;
    char *plain = normalize(UNINORM_NFKC, address, length, &plain_length);
    bool same = plain != NULL && plain_length == length &&
                memcmp(plain, address, length) == 0 &&
                strstr(address, IDEOGRAPHIC_STOP) == NULL;
    free(plain);
    return same ? NULL : "character that looks like another in an address";
}

enum unicode_class unicode_classify(const char *text, size_t length)
{
    size_t step;
    ucs4_t character = decode(text, length, &step);
    if (uc_is_general_category_withtable(
            character, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N)) {
        return UNICODE_WORD;
    }
    return uc_is_general_category_withtable(character,
                                            UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_Z)
               ? UNICODE_OTHER
               : UNICODE_SYMBOL;
}
