/* SPDX-License-Identifier: MIT */
#include "directory/ownership.h"

#include "base/text.h"

#include <string.h>

/* One question: does this address belong to this login? */
struct claim {
    struct arena *arena;
    const char *login; /* folded */
    const struct address *address;
    const struct snapshot *snapshot;
    const struct directory_settings *settings;
    const struct ownership_options *options;
};

static struct ownership owned(const struct via_step *path, size_t count)
{
    return (struct ownership){.kind = ANSWER_FOUND, .path = path, .path_count = count};
}

static struct ownership refused(enum answer_kind kind, const char *reason)
{
    return (struct ownership){.kind = kind, .reason = reason};
}

/* Is this the login's own mailbox, whatever its detail? */
static bool is_own_mailbox(const struct claim *claim, const struct address *address)
{
    if (strcmp(address->key, claim->login) == 0) {
        return true;
    }
    const char *base = address_quote(
        claim->arena, arena_format(claim->arena, "%s@%s", address->base, address->domain));
    return address->detail[0] != '\0' && text_equal_folded(base, claim->login);
}

static bool leads_home(const struct claim *claim, const char *external)
{
    struct address address;
    const char *internal =
        address_complete(claim->arena, external, &claim->settings->rules);
    address_from_internal(claim->arena, internal, &claim->settings->rules, &address);
    return is_own_mailbox(claim, &address);
}

/* Whose account is this very address, or the address without its detail? */
static struct answer find_account(const struct claim *claim)
{
    const struct address *address = claim->address;
    const char *base = address_quote(
        claim->arena, arena_format(claim->arena, "%s@%s", address->base, address->domain));
    const char *const keys[] = {address->key, text_fold_copy(claim->arena, base)};
    struct answer answer = {.kind = ANSWER_NOT_FOUND};
    for (size_t i = 0; i < 2 && answer.kind == ANSWER_NOT_FOUND; i++) {
        const struct question question = {.kind = QUESTION_MAILBOX, .key = keys[i]};
        answer = snapshot_answer(claim->snapshot, &question, claim->arena);
    }
    return answer;
}

/* Which option this way to the login's mailbox would need; NULL: none that is off. */
static const char *missing_option(const struct claim *claim, const struct via_step *path,
                                  size_t count)
{
    const struct ownership_options *options = claim->options;
    if (path[0].match == MATCH_BASE && !options->subaddress) {
        return "it is a tagged form of an alias of the login, which spoof.subaddress "
               "forbids";
    }
    if (count > 1 && !options->nested) {
        return "it leads to the login through more than one alias, which spoof.nested "
               "forbids";
    }
    for (size_t i = 0; i < count; i++) {
        if (path[i].match == MATCH_CATCH_ALL && !options->catch_all) {
            return "it leads to the login through a whole domain, which spoof.catch_all "
                   "forbids";
        }
    }
    return NULL;
}

/* The shortest way to the login's mailbox along this recipient's path counts; what becomes
 * of mail for that mailbox afterwards is no matter of ownership. Names at the host itself
 * belong to nobody, whoever reads their mail. */
static struct ownership follow(const struct claim *claim,
                               const struct expanded_recipient *recipient)
{
    for (size_t count = 1;
         count <= recipient->via_count && recipient->via[count - 1].match != MATCH_LOCAL;
         count++) {
        const char *reached = count < recipient->via_count ? recipient->via[count].address
                                                           : recipient->address;
        if (leads_home(claim, reached)) {
            const char *reason = missing_option(claim, recipient->via, count);
            return reason == NULL ? owned(recipient->via, count)
                                  : refused(ANSWER_NOT_FOUND, reason);
        }
    }
    return refused(ANSWER_NOT_FOUND, "it is no address of the login");
}

static struct ownership find_by_alias(const struct claim *claim)
{
    const struct expansion *expansion =
        resolve_address(claim->arena, claim->address, claim->snapshot);
    if (expansion->fault == FAULT_SYNTAX) {
        return refused(ANSWER_NOT_FOUND, "nobody can have it");
    }
    if (expansion->fault != FAULT_NONE) {
        return refused(ANSWER_FAILED, expansion->fault_reason);
    }
    struct ownership best = refused(ANSWER_NOT_FOUND, "it is no address of the login");
    if (expansion->status == EXPANSION_UNKNOWN) {
        best.reason = "nobody has it";
    }
    for (size_t i = 0; i < expansion->recipient_count + expansion->double_count; i++) {
        const struct expanded_recipient *recipient =
            i < expansion->recipient_count
                ? &expansion->recipients[i]
                : &expansion->doubles[i - expansion->recipient_count];
        struct ownership found = follow(claim, recipient);
        if (found.kind == ANSWER_FOUND) {
            return found;
        }
        /* Of several refusals one that names an option says more. */
        if (recipient->via_count > 0 && strstr(found.reason, "spoof.") != NULL) {
            best = found;
        }
    }
    return best;
}

struct ownership ownership_find(struct arena *arena, const char *login,
                                const struct address *address,
                                const struct snapshot *snapshot,
                                const struct ownership_options *options)
{
    const struct claim claim = {.arena = arena,
                                .login = text_fold_copy(arena, login),
                                .address = address,
                                .snapshot = snapshot,
                                .settings = snapshot_settings(snapshot),
                                .options = options};
    if (address->is_null) {
        return refused(ANSWER_NOT_FOUND, "the null sender belongs to nobody");
    }
    if (strcmp(address->key, claim.login) == 0 ||
        snapshot_may_send_as(snapshot, claim.login, address)) {
        return owned(NULL, 0);
    }
    struct answer account = find_account(&claim);
    if (account.kind == ANSWER_FAILED) {
        return refused(ANSWER_FAILED, account.reason);
    }
    bool is_tagged_form = is_own_mailbox(&claim, address);
    bool is_other_account =
        account.kind == ANSWER_FOUND && strcmp(account.value, claim.login) != 0;
    if (is_other_account && !options->account_alias) {
        return refused(ANSWER_NOT_FOUND, "it is another account");
    }
    if (is_tagged_form && !is_other_account) {
        return options->subaddress
                   ? owned(NULL, 0)
                   : refused(ANSWER_NOT_FOUND, "it is a tagged form of the login, which "
                                               "spoof.subaddress forbids");
    }
    return find_by_alias(&claim);
}
