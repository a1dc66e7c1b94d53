/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

void text_fold(char *text)
{
    for (; *text != '\0'; text++) {
        *text = text_fold_char(*text);
    }
}

char *text_fold_copy(struct arena *arena, const char *text)
{
    char *copy = arena_copy(arena, text);
    if (copy != NULL) {
        text_fold(copy);
    }
    return copy;
}

bool text_has_upper(const char *text)
{
    while (*text != '\0' && text_fold_char(*text) == *text) {
        text++;
    }
    return *text != '\0';
}

int text_compare_folded(const char *left, const char *right)
{
    size_t i = 0;
    while (left[i] != '\0' && text_fold_char(left[i]) == text_fold_char(right[i])) {
        i++;
    }
    return (unsigned char)text_fold_char(left[i]) - (unsigned char)text_fold_char(right[i]);
}

bool text_equal_folded(const char *left, const char *right)
{
    return text_compare_folded(left, right) == 0;
}

bool text_starts_folded(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; text++, prefix++) {
        if (text_fold_char(*text) != text_fold_char(*prefix)) {
            return false;
        }
    }
    return true;
}

char *text_trim(char *text)
{
    while (text_is_space(*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && text_is_space(text[length - 1])) {
        length--;
    }
    text[length] = '\0';
    return text;
}

bool text_next_word(const char **cursor, const char **word, size_t *length)
{
    const char *at = *cursor;
    while (*at == ',' || text_is_space(*at)) {
        at++;
    }
    *word = at;
    while (*at != '\0' && *at != ',' && !text_is_space(*at)) {
        at++;
    }
    *length = (size_t)(at - *word);
    *cursor = at;
    return *length > 0;
}

size_t text_utf8_length(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t want = bytes[0] < 0x80   ? 1
                  : bytes[0] < 0xc2 ? 0
                  : bytes[0] < 0xe0 ? 2
                  : bytes[0] < 0xf0 ? 3
                  : bytes[0] < 0xf5 ? 4
                                    : 0;
    if (want == 0 || want > length) {
        return 0;
    }
    for (size_t i = 1; i < want; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong =
        (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xf0 && bytes[1] < 0x90);
    bool surrogate = bytes[0] == 0xed && bytes[1] >= 0xa0;
    bool beyond = bytes[0] == 0xf4 && bytes[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : want;
}

bool text_is_control(const char *sequence, size_t length)
{
    unsigned char first = (unsigned char)sequence[0];
    return first < 0x20 || first == 0x7f ||
           (length == 2 && first == 0xc2 && (unsigned char)sequence[1] < 0xa0);
}

char *text_printable(struct arena *arena, const char *text, size_t maximum)
{
    size_t length = strlen(text);
    size_t bounded = length < maximum ? length : maximum;
    char *copy = arena_alloc(arena, bounded + sizeof "...");
    size_t used = 0;
    size_t i = 0;
    while (i < bounded) {
        size_t step = text_utf8_length(text + i, length - i);
        if (i + step > bounded) {
            break;
        }
        if (step == 0 || text_is_control(text + i, step)) {
            copy[used++] = '?';
        } else {
            memcpy(copy + used, text + i, step);
            used += step;
        }
        i += step > 0 ? step : 1;
    }
    if (bounded < length) {
        memcpy(copy + used, "...", 3);
    }
    return copy;
}
