/* SPDX-License-Identifier: MIT */
#include "authscript/lint.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_BYTES = 16 << 20 };

struct token {
    const char *text;
    size_t length;
    int line;
};

struct tokens {
    struct token *entries;
    size_t count, size;
};

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

/* Length of `[[...]]` or `[=[...]=]` at text, or 0. */
static size_t long_bracket(const char *text)
{
    size_t level = text[0] == '[' ? strspn(text + 1, "=") : 0;
    if (text[0] != '[' || text[1 + level] != '[') {
        return 0;
    }
    for (const char *at = text + 2 + level; *at != '\0'; at++) {
        if (*at == ']' && strspn(at + 1, "=") == level && at[1 + level] == ']') {
            return (size_t)(at - text) + 2 + level;
        }
    }
    return strlen(text);
}

static size_t quoted(const char *text)
{
    size_t length = 1;
    while (text[length] != '\0' && text[length] != *text && text[length] != '\n') {
        length += text[length] == '\\' && text[length + 1] != '\0' ? 2 : 1;
    }
    return length + (text[length] == *text ? 1 : 0);
}

static size_t comment(const char *text)
{
    size_t bracket = long_bracket(text + 2);
    return bracket > 0 ? 2 + bracket : strcspn(text, "\n");
}

/* What begins at text: its length; *is_token: not a comment or a blank. */
static size_t next(const char *text, bool *is_token)
{
    *is_token = true;
    if (is_word_char(*text)) {
        size_t length = 1;
        while (is_word_char(text[length])) {
            length++;
        }
        return length;
    }
    if (text[0] == '-' && text[1] == '-') {
        *is_token = false;
        return comment(text);
    }
    if (*text == '"' || *text == '\'') {
        return quoted(text);
    }
    if (*text == '[' && long_bracket(text) > 0) {
        return long_bracket(text);
    }
    if (strchr("=~<>", *text) != NULL && text[1] == '=') {
        return 2;
    }
    *is_token = strchr(" \t\r\n\f\v", *text) == NULL;
    return 1;
}

static struct tokens read_tokens(struct arena *arena, const char *source)
{
    struct tokens tokens = {0};
    int line = 1;
    while (*source != '\0') {
        bool is_token;
        size_t length = next(source, &is_token);
        if (is_token) {
            tokens.entries = arena_grow(arena, tokens.entries, tokens.count, &tokens.size,
                                        sizeof *tokens.entries);
            tokens.entries[tokens.count++] =
                (struct token){.text = source, .length = length, .line = line};
        }
        for (size_t i = 0; i < length; i++) {
            line += source[i] == '\n';
        }
        source += length;
    }
    return tokens;
}

static bool is(const struct tokens *tokens, size_t index, const char *text)
{
    return index < tokens->count && tokens->entries[index].length == strlen(text) &&
           strncmp(tokens->entries[index].text, text, strlen(text)) == 0;
}

static bool is_any(const struct tokens *tokens, size_t index, const char *const *texts)
{
    for (; *texts != NULL; texts++) {
        if (is(tokens, index, *texts)) {
            return true;
        }
    }
    return false;
}

static const char *const condition_begins[] = {"if",  "elseif", "while", "until",
                                               "not", "and",    "or",    NULL};
static const char *const condition_ends[] = {"then", "and", "or", NULL};
static const char *const comparisons[] = {"==", "~=", "<", ">", "<=", ">=", NULL};

/* A comparison that -1 passes as well: the hash could not be compared. */
static bool is_passed_by_failure(const struct tokens *tokens, size_t index)
{
    bool zero = is(tokens, index + 1, "0");
    return (zero && (is(tokens, index, "~=") || is(tokens, index, ">="))) ||
           (is(tokens, index, ">") && is(tokens, index + 1, "-"));
}

static void warn(struct finding_list *findings, const char *file, int line,
                 const char *message)
{
    finding_add(findings, FINDING_WARNING, "password-verify-truth",
                arena_copy(findings->arena, file), line, message,
                "compare it: if req:password_verify(stored, password) == 1 then");
}

static const char truth[] =
    "the result of password_verify is used as a condition: it is 0 for a wrong password, "
    "and 0 is true in Lua, so every password is right";
static const char failure[] =
    "the result of password_verify is -1 when the password cannot be compared, and passes "
    "here as if it were right";

/* Index behind the `)` of the `(` at index. */
static size_t behind_call(const struct tokens *tokens, size_t index)
{
    int depth = 0;
    for (; index < tokens->count; index++) {
        depth += is(tokens, index, "(") ? 1 : is(tokens, index, ")") ? -1 : 0;
        if (depth == 0) {
            return index + 1;
        }
    }
    return index;
}

/* Later uses, within 50 lines, of a variable that the result was assigned to. */
static void check_variable(const struct tokens *tokens, size_t name, size_t from,
                           const char *file, struct finding_list *findings)
{
    char text[64];
    const struct token *token = &tokens->entries[name];
    snprintf(text, sizeof text, "%.*s", (int)token->length, token->text);
    for (size_t i = from; i + 1 < tokens->count; i++) {
        if (tokens->entries[i].line > token->line + 50) {
            return;
        }
        if (is(tokens, i, text) && is_any(tokens, i - 1, condition_begins) &&
            !is_any(tokens, i + 1, comparisons)) {
            warn(findings, file, tokens->entries[i].line, truth);
            return;
        }
    }
}

/* The call whose name is at index: what stands before `object:` and behind `)`. */
static void check_call(const struct tokens *tokens, size_t index, const char *file,
                       struct finding_list *findings)
{
    size_t before = index - 3;
    size_t behind = behind_call(tokens, index + 1);
    while (is(tokens, before, "(") && is(tokens, behind, ")") && before > 0) {
        before--;
        behind++;
    }
    if (is_any(tokens, behind, comparisons)) {
        if (is_passed_by_failure(tokens, behind)) {
            warn(findings, file, tokens->entries[index].line, failure);
        }
        return;
    }
    if (is_any(tokens, before, condition_begins) ||
        is_any(tokens, behind, condition_ends)) {
        warn(findings, file, tokens->entries[index].line, truth);
    } else if (is(tokens, before, "=") && before > 0) {
        size_t name = before - 1;
        while (name >= 2 && is(tokens, name - 1, ",")) { /* local result, reason = ... */
            name -= 2;
        }
        check_variable(tokens, name, behind, file, findings);
    }
}

/* The family of codes of the function that begins with these tokens, `function NAME`; or
 * "".
 */
static const char *family_of(const struct tokens *tokens, size_t index)
{
    static const char *const passdb[] = {"auth_passdb_lookup", "auth_password_verify",
                                         NULL};
    return is_any(tokens, index + 1, passdb)             ? "PASSDB_"
           : is(tokens, index + 1, "auth_userdb_lookup") ? "USERDB_"
                                                         : "";
}

static bool begins(const struct token *token, const char *text)
{
    return token->length >= strlen(text) && strncmp(token->text, text, strlen(text)) == 0;
}

/* `dovecot.auth.NAME` behind the `return` at index: the place of NAME, or 0. */
static size_t returned_code(const struct tokens *tokens, size_t index)
{
    bool fits = is(tokens, index, "return") && is(tokens, index + 1, "dovecot") &&
                is(tokens, index + 2, ".") && is(tokens, index + 3, "auth") &&
                is(tokens, index + 4, ".") && index + 5 < tokens->count;
    return fits ? index + 5 : 0;
}

static void check_return(const struct tokens *tokens, size_t code, const char *family,
                         const char *file, struct finding_list *findings)
{
    static const char *const ends[] = {"end", "else", "elseif", "until", ";", NULL};
    const struct token *token = &tokens->entries[code];
    bool is_foreign = *family != '\0' && !begins(token, family);
    /* OK and the internal failure are the same number in both. */
    if (is_foreign && !is(tokens, code, "PASSDB_RESULT_OK") &&
        !is(tokens, code, "USERDB_RESULT_OK") &&
        !is(tokens, code, "PASSDB_RESULT_INTERNAL_FAILURE") &&
        !is(tokens, code, "USERDB_RESULT_INTERNAL_FAILURE")) {
        finding_add(
            findings, FINDING_ERROR, "auth-script-family",
            arena_copy(findings->arena, file), token->line,
            arena_format(findings->arena,
                         "%.*s is a code of the other database: Dovecot takes it "
                         "for something else, or ends its process",
                         (int)token->length, token->text),
            arena_format(findings->arena, "return one of dovecot.auth.%sRESULT_*", family));
    }
    if (code + 1 == tokens->count || is_any(tokens, code + 1, ends)) {
        finding_add(findings, FINDING_WARNING, "auth-script-value",
                    arena_copy(findings->arena, file), token->line,
                    "there is no second value: Dovecot 2.4 allows that, Dovecot 2.3 takes "
                    "it for an internal failure",
                    "for 2.3, return {} with OK, and \"\" or a reason with other codes");
    }
}

static void check_returns(const struct tokens *tokens, const char *file,
                          struct finding_list *findings)
{
    const char *family = "";
    for (size_t i = 0; i < tokens->count; i++) {
        if (is(tokens, i, "function") && !is(tokens, i + 1, "(")) {
            family = family_of(tokens, i);
        }
        size_t code = returned_code(tokens, i);
        if (code > 0) {
            check_return(tokens, code, family, file, findings);
        }
    }
}

void auth_script_lint_text(const char *file, const char *source,
                           struct finding_list *findings)
{
    struct arena *arena = arena_new();
    struct tokens tokens = read_tokens(arena, source);
    for (size_t i = 3; i + 1 < tokens.count; i++) {
        if (is(&tokens, i, "password_verify") && is(&tokens, i - 1, ":") &&
            is(&tokens, i + 1, "(")) {
            check_call(&tokens, i, file, findings);
        }
    }
    check_returns(&tokens, file, findings);
    arena_free(&arena);
}

void auth_script_lint(const char *file, struct finding_list *findings)
{
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        return;
    }
    char *source = malloc(SOURCE_BYTES + 1);
    if (source == NULL) {
        abort();
    }
    size_t length = fread(source, 1, SOURCE_BYTES, stream);
    fclose(stream);
    source[length] = '\0';
    auth_script_lint_text(file, source, findings);
    free(source);
}
