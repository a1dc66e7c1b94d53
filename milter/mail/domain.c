/* SPDX-License-Identifier: MIT */
#include "mail/domain.h"

#include "base/text.h"
#include "mail/unicode.h"

#include <idn2.h>
#include <stdbool.h>
#include <string.h>

/* 255 letters of four bytes each: no domain is longer. */
enum { DOMAIN_UTF8_BYTES = 1020 };

static bool has_a_label(const char *domain)
{
    for (const char *label = domain; label != NULL; label = strchr(label, '.')) {
        label += *label == '.';
        if (text_starts_folded(label, "xn--")) {
            return true;
        }
    }
    return false;
}

/* NULL when it cannot be. */
static const char *to_ascii(struct arena *arena, const char *domain)
{
    uint8_t *converted = NULL;
    int status = idn2_lookup_u8((const uint8_t *)domain, &converted,
                                IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const char *ascii =
        status == IDN2_OK ? text_fold_copy(arena, (const char *)converted) : NULL;
    idn2_free(converted);
    return ascii;
}

static const char *to_unicode(struct arena *arena, const char *domain)
{
    char *converted = NULL;
    int status = idn2_to_unicode_8z8z(domain, &converted, IDN2_NONTRANSITIONAL);
    const char *unicode = status == IDN2_OK ? text_fold_copy(arena, converted) : NULL;
    idn2_free(converted);
    /* The library makes something of invalid labels too. */
    const char *back = unicode != NULL ? to_ascii(arena, unicode) : NULL;
    return back != NULL && text_equal_folded(back, domain) ? unicode : NULL;
}

const char *domain_other_form(struct arena *arena, const char *domain)
{
    size_t length = strlen(domain);
    if (length > DOMAIN_UTF8_BYTES) {
        return NULL;
    }
    if (!unicode_is_ascii(domain, length)) {
        return to_ascii(arena, domain);
    }
    const char *unicode = has_a_label(domain) ? to_unicode(arena, domain) : NULL;
    return unicode != NULL && !text_equal_folded(unicode, domain) ? unicode : NULL;
}
