/* SPDX-License-Identifier: MIT */
#include "mail/address_list.h"

#include "base/text.h"
#include "mail/address.h"
#include "mail/address_token.h"

#include <string.h>

/* Token places of one address, without last. */
struct span {
    size_t first, last;
};

/* Addresses are found from right to left, because what stands before `<` or `:` is a
 * phrase. */
struct splitter {
    const struct tokens *tokens;
    struct span *spans;
    size_t count;
};

/* The tokens between place and right are an address, if there are any. */
static void take(struct splitter *splitter, size_t first, size_t right)
{
    if (first < right) {
        splitter->spans[splitter->count++] = (struct span){first, right};
    }
}

/* Index behind the nearest operator of symbols to the left of place; 0 when there is none.
 */
static size_t skip_phrase(const struct tokens *tokens, size_t place, const char *symbols)
{
    while (place > 0) {
        const struct token *token = &tokens->items[place - 1];
        if (token->kind == TOKEN_OPERATOR && strchr(symbols, token->symbol) != NULL) {
            break;
        }
        place--;
    }
    return place;
}

/* Source: global/tok822_parse.c. `right` bounds the address that is being collected; place
 * is one behind the token that is looked at. */
static void split(struct splitter *splitter)
{
    const struct tokens *tokens = splitter->tokens;
    size_t right = tokens->count;
    size_t place = tokens->count;
    bool word_fits = true; /* no word stands directly to the right */
    bool in_group = false;
    while (place > 0) {
        const struct token *token = &tokens->items[place - 1];
        if (token->kind != TOKEN_OPERATOR) {
            if (!word_fits) {
                take(splitter, place, right);
                right = place;
            }
            word_fits = false;
            place--;
        } else if (token->symbol == ':' && in_group) {
            take(splitter, place, right);
            place = right = skip_phrase(tokens, place - 1, ",");
            word_fits = true;
        } else if (token->symbol == '>') {
            take(splitter, place, right);
            size_t inside = skip_phrase(tokens, place - 1, "<");
            take(splitter, inside, place - 1);
            place = inside > 0 ? skip_phrase(tokens, inside - 1, ">;,:") : 0;
            right = place > 0 ? place - 1 : 0;
            word_fits = true;
        } else {
            if (token->symbol == ',' || token->symbol == ';') {
                take(splitter, place, right);
                right = place - 1;
            }
            in_group = in_group || token->symbol == ';';
            word_fits = true;
            place--;
        }
    }
    take(splitter, 0, right);
}

bool address_list_parse_plain(struct arena *arena, const char *value,
                              struct address_list *list)
{
    static const char separators[] = " \t\r\n,";
    char *text = arena_copy(arena, value);
    size_t size = 0;
    *list = (struct address_list){0};
    for (text += strspn(text, separators); *text != '\0';
         text += strspn(text, separators)) {
        const char *word = text;
        text += strcspn(text, separators);
        if (*text != '\0') {
            *text++ = '\0';
        }
        if (!address_is_plain(word)) {
            return false;
        }
        list->entries =
            arena_grow(arena, list->entries, list->count, &size, sizeof *list->entries);
        list->entries[list->count++] = (struct listed_address){word, word, ""};
    }
    return list->count > 0;
}

void address_list_parse_value(struct arena *arena, const char *value,
                              struct address_list *list)
{
    if (address_list_parse_plain(arena, value, list)) {
        return;
    }
    struct arena *scratch = arena_new();
    struct tokens tokens = {0};
    tokens_scan(scratch, value, &tokens);
    struct splitter splitter = {.tokens = &tokens};
    splitter.spans = arena_array(scratch, tokens.count, sizeof *splitter.spans);
    split(&splitter);
    list->count = splitter.count;
    list->entries = arena_array(arena, splitter.count, sizeof *list->entries);
    for (size_t i = 0; i < splitter.count; i++) {
        const struct span *span = &splitter.spans[splitter.count - 1 - i];
        struct tokens words = tokens_slice(&tokens, span->first, span->last);
        words.is_entry = true;
        list->entries[i].internal = tokens_internal(arena, &words);
        list->entries[i].external = tokens_external(arena, &words);
        list->entries[i].display_name = "";
    }
    arena_free(&scratch);
}
