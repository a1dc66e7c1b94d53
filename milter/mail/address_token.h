/* SPDX-License-Identifier: MIT */
/* Words and operators of an address, cut as Postfix cuts them: comments vanish, white space
 * only separates, `%`, `!` and `|` are operators. Nothing is refused. Used where addresses
 * are completed, listed and routed. Source: Postfix global/tok822_parse.c. */
#ifndef FOREGATE_MAIL_ADDRESS_TOKEN_H
#define FOREGATE_MAIL_ADDRESS_TOKEN_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_ATOM,
    TOKEN_QUOTED,  /* text without quotes and backslashes */
    TOKEN_LITERAL, /* text without brackets */
    TOKEN_OPERATOR /* symbol is one of |%!()<>@,;:".] */
};

struct token {
    enum token_kind kind;
    char symbol;
    const char *text;
};

struct tokens {
    struct token *items;
    size_t count;
    size_t size;
    bool is_entry; /* of a list: words side by side are written without a blank */
};

static inline bool token_is(const struct token *token, char symbol)
{
    return token->kind == TOKEN_OPERATOR && token->symbol == symbol;
}

/* Appends what text holds, in external form. */
void tokens_scan(struct arena *arena, const char *text, struct tokens *tokens);
void tokens_append(struct arena *arena, struct tokens *tokens, const struct token *token);

/* Place of the first or last such operator, or count. */
size_t tokens_find(const struct tokens *tokens, char symbol);
size_t tokens_find_last(const struct tokens *tokens, char symbol);

/* A view of the tokens from first up to last, without last. */
struct tokens tokens_slice(const struct tokens *tokens, size_t first, size_t last);

/* Drops a source route, turns domain!user and user%domain round, adds the origin where no
 * `@` is left, drops one trailing dot. An address that stands for nobody becomes no token
 * at all. Source: trivial-rewrite/rewrite.c. */
void tokens_complete(struct arena *arena, struct tokens *tokens, const char *origin);

/* Drops one dot at the end, but not one behind a dot or an `@`. */
void tokens_drop_dot(struct tokens *tokens);

char *tokens_internal(struct arena *arena, const struct tokens *tokens);
char *tokens_external(struct arena *arena, const struct tokens *tokens);

#endif
