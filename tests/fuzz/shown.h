/* SPDX-License-Identifier: MIT */
/* What holds of every text that is shown, and of every address that is found in one. */
#ifndef FOREGATE_TESTS_FUZZ_SHOWN_H
#define FOREGATE_TESTS_FUZZ_SHOWN_H

#include "base/text.h"
#include "mail/address.h"
#include "mail/address_search.h"
#include "mail/unicode.h"

#include <assert.h>
#include <string.h>

/* UTF-8 without control characters. */
static inline void check_shown(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        step = text_utf8_length(text + i, length - i);
        assert(step > 0);
        assert((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
        assert(step != 2 || (unsigned char)text[i] != 0xc2 ||
               (unsigned char)text[i + 1] >= 0xa0);
    }
    assert(strcmp(unicode_clean(arena, text, length), text) == 0);
}

static inline void check_found(struct arena *arena, const struct address_search *search)
{
    static const struct address_rules rules = {.myorigin = "o.test", .delimiters = "+"};
    assert(search->count <= ADDRESS_SEARCH_FOUND);
    for (size_t i = 0; i < search->count; i++) {
        const char *found = search->found[i];
        struct address address;
        address_from_internal(arena, found, &rules, &address);
        check_shown(arena, found);
        assert(!address.is_null && address.local_part[0] != '\0');
        assert(strcmp(address.internal, found) == 0);
        assert(address.domain[0] == '[' || strchr(address.domain, '.') != NULL);
        assert(!unicode_is_ascii(address.domain, strlen(address.domain)) ||
               address_domain_is_valid(address.domain));
        for (size_t j = 0; j < i; j++) {
            assert(strcmp(search->found[j], found) != 0);
        }
    }
}

static inline bool search_has(const struct address_search *search, const char *address)
{
    for (size_t i = 0; i < search->count; i++) {
        if (strcmp(search->found[i], address) == 0) {
            return true;
        }
    }
    return false;
}

#endif
