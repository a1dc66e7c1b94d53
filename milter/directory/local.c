/* SPDX-License-Identifier: MIT */
#include "directory/local.h"

#include "base/text.h"
#include "mail/address_token.h"

#include <string.h>

static bool listed(const char *list, const char *domain, size_t length)
{
    static const char separators[] = ", \t\n\v\f\r";
    bool found = false;
    for (list += strspn(list, separators); *list != '\0' && !found;
         list += strspn(list, separators)) {
        size_t word = strcspn(list, separators);
        size_t same = 0;
        while (word == length && same < length &&
               text_fold_char(list[same]) == text_fold_char(domain[same])) {
            same++;
        }
        found = same == length;
        list += word;
    }
    return found;
}

bool local_has_domain(const struct directory_settings *settings, const char *domain)
{
    size_t length = strlen(domain);
    if (length > 0 && domain[length - 1] == '.') {
        length--;
    }
    if (length == 0 || domain[length - 1] == '.') {
        return false;
    }
    return listed(settings->mydestination, domain, length) ||
           (domain[0] == '[' && (text_equal_folded(domain, "[127.0.0.1]") ||
                                 text_equal_folded(domain, "[IPv6:::1]")));
}

bool local_has_name(const struct directory_settings *settings, const char *local_part)
{
    size_t base = address_split(local_part, settings->rules.delimiters);
    return text_equal_folded(local_part, "postmaster") ||
           text_equal_folded(local_part, "mailer-daemon") ||
           text_equal_folded(local_part, "double-bounce") ||
           (base == strlen("root") && text_starts_folded(local_part, "root"));
}

/* An address on its way through the host. */
struct route {
    struct arena *arena;
    const struct directory_settings *settings;
    struct tokens tokens;
    struct tokens local_domain; /* the last one taken off, with its `@` */
    bool is_foreign;
};

/* Takes the domain off when it is local. */
static void take_domain(struct route *route)
{
    struct tokens *tokens = &route->tokens;
    size_t at = tokens_find_last(tokens, '@');
    if (at == tokens->count) {
        return;
    }
    struct tokens domain = tokens_slice(tokens, at + 1, tokens->count);
    if (domain.count > 0 &&
        !local_has_domain(route->settings, tokens_internal(route->arena, &domain))) {
        route->is_foreign = true;
        return;
    }
    route->local_domain = tokens_slice(tokens, at, tokens->count);
    *tokens = tokens_slice(tokens, 0, at);
}

static bool has_operator(const struct tokens *tokens)
{
    return tokens_find(tokens, '@') < tokens->count ||
           tokens_find(tokens, '!') < tokens->count ||
           tokens_find(tokens, '%') < tokens->count;
}

/* Postfix looks for routing inside a quoted local-part as well, against relaying through
 * hosts that ignore quotes. False when there is none. */
static bool open_quotes(struct route *route)
{
    struct tokens *tokens = &route->tokens;
    if (tokens->count != 1 || tokens->items[0].kind != TOKEN_QUOTED) {
        return false;
    }
    char *text = arena_copy(route->arena, tokens->items[0].text);
    char *sign = strrchr(text, '@');
    if (sign == NULL) {
        sign = strrchr(text, '%');
    }
    if (sign == NULL) {
        sign = strrchr(text, '!');
    }
    if (sign == NULL) {
        return false;
    }
    if (*sign == '%') {
        *sign = '@';
    }
    const char *external = *sign == '@' ? address_quote(route->arena, text) : text;
    *tokens = (struct tokens){0};
    tokens_scan(route->arena, external, tokens);
    return true;
}

/* One round; false when the address is bound for where it stands. */
static bool route_once(struct route *route)
{
    struct tokens *tokens = &route->tokens;
    if (tokens_find(tokens, '@') < tokens->count) {
        tokens_drop_dot(tokens); /* of a domain that was within quotes until here */
    }
    take_domain(route);
    if (route->is_foreign) {
        return false;
    }
    if (has_operator(tokens) || open_quotes(route)) {
        tokens_complete(route->arena, tokens, route->settings->rules.myorigin);
        return true;
    }
    bool empty = tokens->count == 0 ||
                 (tokens->count == 1 && tokens->items[0].kind == TOKEN_QUOTED &&
                  tokens->items[0].text[0] == '\0');
    if (empty) {
        *tokens = (struct tokens){0};
        tokens_scan(route->arena, "MAILER-DAEMON", tokens);
    }
    return false;
}

char *local_route(struct arena *arena, const struct directory_settings *settings,
                  const char *internal)
{
    if (address_is_plain(internal)) {
        return arena_copy(arena, internal);
    }
    struct arena *scratch = arena_new();
    struct route route = {.arena = scratch, .settings = settings};
    tokens_scan(scratch, address_quote(scratch, internal), &route.tokens);
    /* Each round takes at least one sign away; the bound is against what nobody foresaw. */
    for (size_t round = strlen(internal) + 2; round > 0 && route_once(&route); round--) {
    }
    if (!route.is_foreign && route.local_domain.count == 0) {
        tokens_scan(scratch, arena_format(scratch, "@%s", settings->hostname),
                    &route.local_domain);
    }
    for (size_t i = 0; !route.is_foreign && i < route.local_domain.count; i++) {
        tokens_append(scratch, &route.tokens, &route.local_domain.items[i]);
    }
    char *routed = tokens_internal(arena, &route.tokens);
    arena_free(&scratch);
    return routed;
}
