/* SPDX-License-Identifier: MIT */
#include "mail/dsn.h"

#include "base/text.h"

#include <string.h>

/* Blanks only: what else is white space elsewhere is part of an address for the parser. */
static char *trim_blanks(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    text[length] = '\0';
    return text;
}

const char *dsn_typed_address(struct arena *arena, const char *raw)
{
    char *text = trim_blanks(arena_copy(arena, raw));
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        text[length - 1] = '\0';
        text = trim_blanks(text + 1);
    }
    const char *colon = text[0] == '@' ? strchr(text, ':') : NULL;
    return colon != NULL ? colon + 1 : text;
}

/* The dot behind the domain, which the external form has lost and Postfix remembers. */
static bool ends_with_dot(const char *typed)
{
    bool quoted = false;
    size_t depth = 0; /* of comments */
    char last = '\0';
    for (const char *at = typed; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"' && depth == 0) {
            quoted = !quoted;
        } else if (*at == '(' && !quoted) {
            depth++;
        } else if (*at == ')' && depth > 0) {
            depth--;
        } else if (depth == 0 && (quoted || (*at != ' ' && *at != '\t'))) {
            last = *at;
        }
    }
    return last == '.' && depth == 0 && !quoted;
}

const char *dsn_delete_form(struct arena *arena, const struct address *address)
{
    const char *typed = dsn_typed_address(arena, address->raw);
    if (typed[0] == '@' || address->external[0] == '@') {
        return NULL; /* a route within a route: how much of it Postfix keeps, who knows */
    }
    bool is_plain = true;
    for (const char *at = typed; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        is_plain = is_plain && c > ' ' && c != 0x7f && strchr("\"\\()<>,;", c) == NULL;
    }
    if (is_plain) {
        return typed;
    }
    if (strchr(typed, '@') == NULL) {
        return NULL;
    }
    return ends_with_dot(typed) ? arena_format(arena, "%s.", address->external)
                                : address->external;
}

/* RFC 3461 section 4: printable ASCII but `+` and `=`. */
static const char *xtext_encode(struct arena *arena, const char *text)
{
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
    char *at = encoded;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c > ' ' && c <= '~' && c != '+' && c != '=') {
            *at++ = (char)c;
        } else {
            *at++ = '+';
            *at++ = "0123456789ABCDEF"[c >> 4];
            *at++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return encoded;
}

const char *dsn_original_recipient(struct arena *arena, const struct recipient *recipient)
{
    const char *given = params_find(recipient->params, "ORCPT");
    if (given != NULL) {
        return given;
    }
    return arena_format(
        arena, "rfc822;%s",
        xtext_encode(arena, dsn_typed_address(arena, recipient->address.raw)));
}

/* RFC 3461 5.2.7.3: only one of several expansions may still report success, since the MTA
 * cannot write the "expanded" report for an expansion it does not know of. */
const char *dsn_notify_without_success(struct arena *arena, const char *notify)
{
    char *kept = arena_alloc(arena, strlen(notify) + 1);
    size_t used = 0;
    while (*notify != '\0') {
        size_t length = strcspn(notify, ",");
        if (length != strlen("SUCCESS") || !text_starts_folded(notify, "SUCCESS")) {
            if (used > 0) {
                kept[used++] = ',';
            }
            memcpy(kept + used, notify, length);
            used += length;
        }
        notify += length + (notify[length] == ',' ? 1 : 0);
    }
    return kept[0] != '\0' ? kept : "NEVER";
}
