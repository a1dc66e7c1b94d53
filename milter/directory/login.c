/* SPDX-License-Identifier: MIT */
#include "directory/login.h"

#include "base/text.h"

#include <string.h>

enum { NAMES_SHOWN = 3 };

/* Accounts that a login without a domain may mean. */
struct candidates {
    size_t count;
    const char *shown[NAMES_SHOWN];
};

static bool is_possible(const char *given)
{
    size_t length = strnlen(given, LOGIN_BYTES_MAX + 1);
    bool possible = length > 0 && length <= LOGIN_BYTES_MAX;
    for (size_t i = 0; possible && i < length; i++) {
        possible = (unsigned char)given[i] > ' ' && given[i] != 0x7f;
    }
    return possible;
}

static const char *at_domain(struct arena *arena, const char *name, const char *domain)
{
    char *key = address_quote(arena, arena_format(arena, "%s@%s", name, domain));
    text_fold(key);
    return key;
}

static struct answer find_account(const struct directory *directory, const char *key,
                                  struct arena *arena)
{
    const struct question question = {.kind = QUESTION_MAILBOX, .key = key};
    return directory_answer(directory, &question, arena);
}

/* False: cannot tell. */
static bool find_candidates(struct arena *arena, const struct directory *directory,
                            struct login *login, struct candidates *candidates)
{
    size_t cursor = 0;
    const char *domain;
    while (snapshot_next_domain(directory->snapshot, &cursor, &domain)) {
        struct answer answer =
            find_account(directory, at_domain(arena, login->name, domain), arena);
        if (answer.kind == ANSWER_FAILED) {
            login->reason = answer.reason;
            return false;
        }
        /* Elsewhere a name without a domain may be another's than the address with it. */
        if (answer.kind == ANSWER_FOUND && answer.source == NULL) {
            if (candidates->count < NAMES_SHOWN) {
                candidates->shown[candidates->count] = answer.value;
            }
            candidates->count++;
        }
    }
    return true;
}

static const char *several(struct arena *arena, const struct candidates *candidates)
{
    const char *names = candidates->shown[0];
    for (size_t i = 1; i < candidates->count && i < NAMES_SHOWN; i++) {
        names = arena_format(arena, "%s or %s", names, candidates->shown[i]);
    }
    if (candidates->count > NAMES_SHOWN) {
        names =
            arena_format(arena, "%s or %zu others", names, candidates->count - NAMES_SHOWN);
    }
    return arena_format(arena, "the login may be %s, which spoof.login_domain decides",
                        names);
}

static enum answer_kind look_for(struct arena *arena, const struct directory *directory,
                                 struct login *login)
{
    struct candidates candidates = {0};
    struct answer answer = find_account(directory, login->name, arena);
    if (answer.kind != ANSWER_NOT_FOUND) {
        login->mailbox = answer.value;
        login->reason = answer.reason;
        return answer.kind;
    }
    if (answer.reason != NULL) {
        login->reason = answer.reason; /* it may be somebody that cannot be asked for now */
        return ANSWER_FAILED;
    }
    if (snapshot_counts(directory->snapshot).domains > LOGIN_DOMAINS_MAX) {
        login->reason = "the login has no domain, and there are too many to look through: "
                        "set spoof.login_domain";
        return ANSWER_NOT_FOUND;
    }
    if (!find_candidates(arena, directory, login, &candidates)) {
        return ANSWER_FAILED;
    }
    if (candidates.count == 1) {
        login->mailbox = candidates.shown[0];
        return ANSWER_FOUND;
    }
    login->is_unknown = candidates.count == 0;
    login->reason = candidates.count > 1
                        ? several(arena, &candidates)
                        : "the login has no domain, and no account at ours has its name";
    return ANSWER_NOT_FOUND;
}

enum answer_kind login_complete(struct arena *arena, const char *given, const char *domain,
                                const struct directory *directory, struct login *login)
{
    *login = (struct login){0};
    if (!is_possible(given)) {
        login->is_unknown = true;
        login->reason = "no account can have the name of the login";
        return ANSWER_NOT_FOUND;
    }
    login->name = text_fold_copy(arena, given);
    if (strchr(given, '@') != NULL) {
        login->mailbox = login->name;
        return ANSWER_FOUND;
    }
    if (domain != NULL) {
        login->mailbox = at_domain(arena, login->name, domain);
        return ANSWER_FOUND;
    }
    return look_for(arena, directory, login);
}
