/* SPDX-License-Identifier: MIT */
#include "mail/address.h"

#include "base/text.h"
#include "mail/address_list.h"
#include "mail/address_token.h"

#include <arpa/inet.h>
#include <string.h>

/* RFC 1035 2.3.4, as Postfix enforces it. */
enum { LABEL_BYTES = 63, DOMAIN_BYTES = 255 };

/* Characters of a dot-string that are no operator to Postfix either. */
static bool is_plain_character(char c)
{
    static const bool plain[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['+'] = true,
        ['-'] = true,         ['_'] = true,         ['='] = true};
    return plain[(unsigned char)c];
}

/* Words with single dots between them; returns the end. */
static const char *skip_plain_words(const char *text)
{
    const char *word = text;
    while (is_plain_character(*word)) {
        word++;
        if (*word == '.' && is_plain_character(word[1])) {
            word++;
        }
    }
    return word;
}

bool address_is_plain(const char *text)
{
    const char *at = skip_plain_words(text);
    if (at == text || *at != '@') {
        return false;
    }
    const char *end = skip_plain_words(at + 1);
    return end > at + 1 && *end == '\0';
}

char *address_complete(struct arena *arena, const char *external,
                       const struct address_rules *rules)
{
    if (address_is_plain(external)) {
        return arena_copy(arena, external);
    }
    struct arena *scratch = arena_new();
    struct tokens tokens = {0};
    tokens_scan(scratch, external, &tokens);
    tokens_complete(scratch, &tokens, rules->myorigin);
    char *internal = tokens_internal(arena, &tokens);
    arena_free(&scratch);
    return internal;
}

static bool is_dot_string(const char *text, size_t length)
{
    if (length == 0 || text[0] == '.' || text[length - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_plain_character(text[i])) {
            continue;
        }
        if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\"[]", c) != NULL ||
            (c == '.' && i + 1 < length && text[i + 1] == '.')) {
            return false;
        }
    }
    return true;
}

static size_t write_quoted(char *buffer, const char *local_part, size_t length)
{
    size_t used = 0;
    bool quoted = !is_dot_string(local_part, length);
    if (quoted) {
        buffer[used++] = '"';
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)local_part[i];
        if (quoted && (c == '"' || c == '\\' || c == '\r')) {
            buffer[used++] = '\\';
        }
        buffer[used++] = local_part[i];
    }
    if (quoted) {
        buffer[used++] = '"';
    }
    return used;
}

static size_t write_text(char *buffer, const char *text, size_t length)
{
    memcpy(buffer, text, length);
    return length;
}

void address_write_external(char *buffer, const char *local_part, size_t length,
                            const char *domain)
{
    size_t used = 0;
    bool may_have_route = length > 0 ? local_part[0] == '@' : domain != NULL;
    if (may_have_route) {
        /* What begins like a source route stays without quotes. */
        const char *colon = length > 0 ? memchr(local_part, ':', length) : NULL;
        if (colon != NULL) {
            size_t route = (size_t)(colon - local_part) + 1;
            used = write_text(buffer, local_part, route);
            local_part += route;
            length -= route;
        } else if (domain != NULL && (colon = strchr(domain, ':')) != NULL) {
            used = write_text(buffer, local_part, length);
            buffer[used++] = '@';
            used += write_text(buffer + used, domain, (size_t)(colon - domain) + 1);
            local_part = colon + 1;
            length = strlen(local_part);
            domain = NULL;
        }
    }
    used += write_quoted(buffer + used, local_part, length);
    if (domain != NULL) {
        buffer[used++] = '@';
        used += write_text(buffer + used, domain, strlen(domain));
    }
    buffer[used] = '\0';
}

char *address_quote(struct arena *arena, const char *internal)
{
    size_t length = strlen(internal);
    const char *at = strrchr(internal, '@');
    char *external = arena_alloc(arena, ADDRESS_QUOTED_BYTES(length));
    if (at == NULL) {
        address_write_external(external, internal, length, NULL);
    } else {
        address_write_external(external, internal, (size_t)(at - internal), at + 1);
    }
    return external;
}

char *address_without_detail(struct arena *arena, const struct address *address)
{
    return address_quote(arena,
                         arena_format(arena, "%s@%s", address->base, address->domain));
}

/* Labels of letters, digits, `_` and inner hyphens; not a bare IP address. */
static bool is_host_name(const char *name)
{
    bool numeric = true;
    size_t label = 0;
    const char *c = name;
    for (; *c != '\0'; c++) {
        char folded = text_fold_char(*c);
        bool ends_label = c[1] == '\0' || c[1] == '.';
        if (*c == '.') {
            if (label == 0 || c[1] == '\0') {
                return false;
            }
            label = 0;
            continue;
        }
        if (*c == '-'
                ? label == 0 || ends_label
                : (folded < 'a' || folded > 'z') && (*c < '0' || *c > '9') && *c != '_') {
            return false;
        }
        numeric = numeric && *c >= '0' && *c <= '9';
        if (++label > LABEL_BYTES) {
            return false;
        }
    }
    return c != name && !numeric && c - name <= DOMAIN_BYTES;
}

bool address_domain_is_valid(const char *domain)
{
    size_t length = strlen(domain);
    if (domain[0] != '[') {
        return is_host_name(domain);
    }
    char literal[INET6_ADDRSTRLEN + sizeof "IPv6:"];
    if (domain[length - 1] != ']' || length - 2 >= sizeof literal) {
        return false;
    }
    memcpy(literal, domain + 1, length - 2);
    literal[length - 2] = '\0';
    unsigned char binary[sizeof(struct in6_addr)];
    return text_starts_folded(literal, "IPv6:")
               ? inet_pton(AF_INET6, literal + strlen("IPv6:"), binary) == 1
               : inet_pton(AF_INET, literal, binary) == 1;
}

size_t address_split(const char *local_part, const char *delimiters)
{
    size_t length = strlen(local_part);
    if (text_equal_folded(local_part, "postmaster") ||
        text_equal_folded(local_part, "mailer-daemon") ||
        text_equal_folded(local_part, "double-bounce")) {
        return length;
    }
    if (strchr(delimiters, '-') != NULL) {
        const size_t suffix = strlen("-request");
        if (text_starts_folded(local_part, "owner-") ||
            (length > suffix &&
             text_equal_folded(local_part + length - suffix, "-request"))) {
            return length;
        }
    }
    size_t place = strcspn(local_part, delimiters);
    return place > 0 ? place : length;
}

void address_from_internal(struct arena *arena, const char *internal,
                           const struct address_rules *rules, struct address *address)
{
    const char *at = strrchr(internal, '@');
    size_t local_length = at != NULL ? (size_t)(at - internal) : strlen(internal);
    address->raw = arena_copy(arena, internal);
    address->internal = address->raw;
    address->is_null = internal[0] == '\0';
    address->external = address->is_null ? "" : address_quote(arena, internal);
    address->key = text_fold_copy(arena, address->external);
    address->local_part = arena_copy_bytes(arena, internal, local_length);
    address->domain = at != NULL ? address->internal + local_length + 1 : "";
    size_t base_length = address_split(address->local_part, rules->delimiters);
    address->base = arena_copy_bytes(arena, internal, base_length);
    address->detail = address->local_part + base_length;
}

/* The text between the brackets, if it has any, without a source route. */
static const char *typed_text(struct arena *arena, const char *raw)
{
    size_t length = strlen(raw);
    const char *text = raw;
    if (length >= 2 && raw[0] == '<' && raw[length - 1] == '>') {
        text = arena_copy_bytes(arena, raw + 1, length - 2);
    }
    const char *colon = text[0] == '@' ? strchr(text, ':') : NULL;
    return colon != NULL ? colon + 1 : text;
}

/* An open quotation, or a backslash at the end, would swallow whatever stands behind the
 * address, the bracket in a command or an edit. */
static bool quotes_are_closed(const char *text)
{
    bool open = false;
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            if (*++text == '\0') {
                return false;
            }
        } else if (*text == '"') {
            open = !open;
        }
    }
    return !open;
}

static bool complete_typed(struct arena *arena, const char *text,
                           const struct address_rules *rules, const char **internal,
                           struct error *error)
{
    if (address_is_plain(text)) {
        *internal = text;
        return true;
    }
    struct address_list list;
    address_list_parse_value(arena, text, &list);
    if (list.count > 1) {
        return error_set(error, ERROR_REMOTE, "more than one address");
    }
    /* Postfix keeps an address unquoted between its programs: a quoted `%` without a domain
     * behind it counts as an unquoted one. */
    if (list.count == 1 && list.entries[0].internal[0] != '\0') {
        *internal =
            address_complete(arena, address_quote(arena, list.entries[0].internal), rules);
    }
    return true;
}

bool address_parse(struct arena *arena, const char *raw, const struct address_rules *rules,
                   struct address *address, struct error *error)
{
    if (strlen(raw) > ADDRESS_BYTES_MAX) {
        return error_set(error, ERROR_REMOTE, "longer than %d bytes", ADDRESS_BYTES_MAX);
    }
    if (!quotes_are_closed(raw)) {
        return error_set(error, ERROR_REMOTE, "quoted string or backslash without end");
    }
    const char *internal = "";
    if (!complete_typed(arena, typed_text(arena, raw), rules, &internal, error)) {
        return false;
    }
    address_from_internal(arena, internal, rules, address);
    address->raw = arena_copy(arena, raw);
    if (address->is_null) {
        return true;
    }
    if (address->local_part[0] == '-') {
        return error_set(error, ERROR_REMOTE, "local-part begins with a hyphen");
    }
    if (!address_domain_is_valid(address->domain)) {
        return error_set(error, ERROR_REMOTE, "domain is not valid");
    }
    return true;
}
