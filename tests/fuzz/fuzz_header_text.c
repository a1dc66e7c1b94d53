/* SPDX-License-Identifier: MIT */
/* Any bytes as a text that a reader is shown: encoded words, addresses in it, and as a
 * domain. */
#include "mail/domain.h"
#include "mail/encoded_word.h"

#include "shown.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(struct arena *arena, const char *text)
{
    struct encoded_words words = {.charset_count = 0};
    const char *decoded = encoded_words_decode(&words, arena, text);
    check_shown(arena, decoded);
    assert(strlen(decoded) <= 16 * strlen(text) + 16);
    assert(words.charset_count <= ENCODED_CHARSETS_MAX);
    /* The charsets that are open already change nothing. */
    if (!words.exceeded) {
        assert(strcmp(encoded_words_decode(&words, arena, text), decoded) == 0);
    }
    encoded_words_end(&words);
}

static void check_domain(struct arena *arena, const char *text)
{
    const char *other = domain_other_form(arena, text);
    if (other == NULL) {
        return;
    }
    assert(!text_has_upper(other));
    bool is_ascii = unicode_is_ascii(text, strlen(text));
    if (is_ascii) {
        const char *back = domain_other_form(arena, other);
        assert(back != NULL && text_equal_folded(back, text));
    } else {
        assert(unicode_is_ascii(other, strlen(other)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    struct address_search shown = {.count = 0};
    struct address_search in_header = {.count = 0};
    check_shown(arena, unicode_clean(arena, data, size)); /* with NUL as well */
    check_words(arena, text);
    check_domain(arena, text);
    address_search_text(arena, text, &shown);
    check_found(arena, &shown);
    address_search_header(arena, text, &in_header);
    check_found(arena, &in_header);
    /* A header body is searched as it stands, too. */
    for (size_t i = 0; !in_header.truncated && i < shown.count; i++) {
        assert(search_has(&in_header, shown.found[i]));
    }
    arena_free(&arena);
    return 0;
}
