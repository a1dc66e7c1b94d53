/* SPDX-License-Identifier: MIT */
#include "directory/ownership.h"

#include "base/text.h"
#include "directory/local.h"
#include "directory/login.h"
#include "directory/ownership_text.h"
#include "directory/senders.h"
#include "directory/walk.h"
#include "mail/domain.h"

#include <string.h>

/* Beside the traits of a walk: the address is another account's. */
enum { NEED_ACCOUNT_ALIAS = WALK_ANY + 1 };

/* Ends of a walk that are looked at for the first mailbox among them: enough for a reason.
 */
enum { ENDS_MAX = 100 };

/* One question: does this address belong to this login? */
struct claim {
    struct arena *arena;
    const struct address *address;
    const struct directory *directory;
    unsigned allowed; /* traits, and NEED_ACCOUNT_ALIAS */
    struct login login;
    const char *base; /* key of the address without its detail, or NULL: it has none */
    const char *home_local, *home_domain; /* of the login's mailbox */
    bool is_tagged; /* without its detail, the address is the login's mailbox */
};

static struct ownership owned(const char *proof)
{
    return (struct ownership){.kind = ANSWER_FOUND, .proof = proof};
}

static struct ownership cannot_tell(const char *reason)
{
    return (struct ownership){.kind = ANSWER_FAILED, .reason = reason};
}

static struct ownership not_owned(const struct claim *claim, const char *best_match)
{
    const char *reason = arena_format(claim->arena, "best match %s", best_match);
    return (struct ownership){.kind = ANSWER_NOT_FOUND, .reason = reason};
}

static const char *base_key(struct arena *arena, const struct address *address)
{
    if (address->detail[0] == '\0') {
        return NULL;
    }
    char *key = address_without_detail(arena, address);
    text_fold(key);
    return key;
}

/* What a login is called in a proof: its mailbox, or what it is if it has none. */
static const char *owner_of(const struct claim *claim)
{
    return claim->login.mailbox != NULL ? claim->login.mailbox : claim->login.name;
}

/* May it send as an address that aliases lead to? */
static bool is_sender(const struct claim *claim, const char *internal)
{
    struct sender_entry entry;
    return senders_find(claim->directory, claim->arena, internal, &claim->login, &entry) &&
           entry.match != MATCH_CATCH_ALL;
}

/* Most targets are not, and need no closer look. */
static bool may_be_home(const struct claim *claim, const char *internal)
{
    const char *at = strrchr(internal, '@');
    return at != NULL && text_equal_folded(at + 1, claim->home_domain) &&
           (claim->home_local[0] == '"' || text_starts_folded(internal, claim->home_local));
}

static bool is_account(const struct claim *claim, const char *key)
{
    const struct question question = {.kind = QUESTION_MAILBOX, .key = key};
    return directory_answer(claim->directory, &question, claim->arena).kind !=
           ANSWER_NOT_FOUND;
}

/* Is this the login's own mailbox, whatever its detail? With its detail it may be another
 * account. */
static bool is_home(const struct claim *claim, const char *internal)
{
    if (claim->login.mailbox == NULL || !may_be_home(claim, internal)) {
        return false;
    }
    struct address address;
    address_from_internal(claim->arena, internal,
                          &snapshot_settings(claim->directory->snapshot)->rules, &address);
    const char *base = base_key(claim->arena, &address);
    return strcmp(address.key, claim->login.mailbox) == 0 ||
           (base != NULL && strcmp(base, claim->login.mailbox) == 0 &&
            !is_account(claim, address.key));
}

/* Where the walk ends, Postfix still routes through this host. */
static bool is_routed_home(const struct claim *claim, const struct walk_place *place)
{
    return place->is_end && !address_is_plain(place->internal) &&
           is_home(claim,
                   local_route(claim->arena, snapshot_settings(claim->directory->snapshot),
                               place->internal));
}

/* A userdb may keep mail for one address in the mailbox of another name, like that of a
 * login without a domain. */
static bool is_home_renamed(const struct claim *claim, struct walk *walk,
                            const struct walk_place *place)
{
    bool is_last = place->is_end || (walk->allowed & WALK_NESTED) == 0;
    if (!is_last) {
        return false;
    }
    struct answer answer = walk_look_up(walk, SEARCH_ACCOUNTS, place->internal);
    return answer.kind == ANSWER_FOUND && strcmp(answer.value, claim->login.mailbox) == 0;
}

static const struct slot_origin *find_renamed(const struct claim *claim, struct walk *walk)
{
    bool is_possible = directory_waits(claim->directory) && claim->login.mailbox != NULL;
    for (size_t i = 1; is_possible && i < walk->count; i++) {
        if (is_home_renamed(claim, walk, &walk->places[i])) {
            return walk->places[i].origin;
        }
    }
    return NULL;
}

/* The nearest way to the login's mailbox, or to an address that it may send as; or NULL. */
static const struct slot_origin *find_way(const struct claim *claim, struct walk *walk)
{
    size_t seen = 1; /* the address itself is judged elsewhere */
    walk_begin(walk, claim->address->internal);
    while (walk_on(walk)) {
        for (; seen < walk->count; seen++) {
            if (is_home(claim, walk->places[seen].internal) ||
                is_sender(claim, walk->places[seen].internal)) {
                return walk->places[seen].origin;
            }
        }
    }
    for (size_t i = 1; i < walk->count; i++) {
        if (is_routed_home(claim, &walk->places[i])) {
            return walk->places[i].origin;
        }
    }
    return find_renamed(claim, walk);
}

static struct walk new_walk(const struct claim *claim, unsigned allowed)
{
    return (struct walk){
        .arena = claim->arena, .directory = claim->directory, .allowed = allowed};
}

static struct ownership owned_by_way(const struct claim *claim,
                                     const struct slot_origin *origin)
{
    struct ownership found = owned(ownership_way(claim->arena, owner_of(claim), origin));
    found.path = slot_origin_path(claim->arena, origin);
    found.path_count = origin->depth;
    return found;
}

/* An address that leads nowhere. */
static const char *why_nobody(const struct claim *claim, struct walk *walk)
{
    const struct directory_settings *settings =
        snapshot_settings(claim->directory->snapshot);
    if (local_has_domain(settings, claim->address->domain)) {
        return "none: it is a name at the host itself";
    }
    struct answer domain = walk_look_up(walk, SEARCH_DOMAIN, claim->address->internal);
    return domain.kind == ANSWER_NOT_FOUND ? "none: it is not at one of our domains"
                                           : "none: nobody has it";
}

/* The first mailbox the address leads to, or the first address that is none. */
static struct ownership belongs_to_others(const struct claim *claim, struct walk *walk)
{
    const struct walk_place *best = NULL;
    bool is_mailbox = false;
    size_t ends = 0;
    if (walk->count == 1) {
        return not_owned(claim, why_nobody(claim, walk));
    }
    for (size_t i = 1; i < walk->count; i++) {
        const struct walk_place *place = &walk->places[i];
        ends += place->is_end;
        if (!place->is_end || is_mailbox || ends > ENDS_MAX) {
            continue;
        }
        is_mailbox =
            walk_look_up(walk, SEARCH_ACCOUNTS, place->internal).kind == ANSWER_FOUND;
        best = best == NULL || is_mailbox ? place : best;
    }
    if (best == NULL) {
        return not_owned(claim, walk->failure != NULL
                                    ? "none: where it leads cannot be told"
                                    : "none: its aliases lead round in a circle");
    }
    const char *mailbox = address_quote(claim->arena, best->internal);
    const char *way = ownership_way(claim->arena, mailbox, best->origin);
    return not_owned(claim,
                     ends > 1 ? arena_format(claim->arena, "%s and %zu more", way, ends - 1)
                              : way);
}

static struct ownership belongs_to_account(const struct claim *claim, const char *account,
                                           unsigned missing)
{
    return not_owned(claim, arena_format(claim->arena, "%s: it is another account%s",
                                         ownership_name(claim->arena, account),
                                         ownership_needs(claim->arena, missing)));
}

/* Nothing but an alias on it could help, if account_alias allowed that. */
static struct ownership refuse_account(const struct claim *claim, const char *account)
{
    struct walk walk = new_walk(claim, WALK_ANY);
    const struct slot_origin *origin = find_way(claim, &walk);
    unsigned needs = origin != NULL ? walk_traits(origin) | NEED_ACCOUNT_ALIAS : 0;
    return belongs_to_account(claim, account, needs & ~claim->allowed);
}

/* What the login's own address, or a grant, lacks to cover this tagged form of it. */
static struct ownership needs_subaddress(const struct claim *claim, const char *how)
{
    return not_owned(claim, arena_format(claim->arena, "%s%s", how,
                                         ownership_needs(claim->arena, WALK_SUBADDRESS)));
}

/* The walk along allowed ways found nothing. */
static struct ownership refuse(const struct claim *claim, struct walk *walk,
                               const char *account)
{
    struct walk whole = new_walk(claim, WALK_ANY);
    if (walk->skipped) {
        const struct slot_origin *origin = find_way(claim, &whole);
        if (origin != NULL) {
            return not_owned(
                claim, arena_format(claim->arena, "%s%s",
                                    ownership_way(claim->arena, owner_of(claim), origin),
                                    ownership_needs(claim->arena, walk_traits(origin) &
                                                                      ~claim->allowed)));
        }
        walk = &whole;
    }
    return account != NULL ? belongs_to_account(claim, account, 0)
                           : belongs_to_others(claim, walk);
}

static const char *tagged_form(const struct claim *claim, const char *of)
{
    return arena_format(claim->arena, "%s -> %s (without its tag)",
                        ownership_name(claim->arena, of),
                        ownership_name(claim->arena, claim->address->external));
}

static const char *renamed_form(const struct claim *claim, const char *account)
{
    return arena_format(claim->arena, "%s -> %s (stored there)",
                        ownership_name(claim->arena, account),
                        ownership_name(claim->arena, claim->address->external));
}

static bool is_tagged_form(const struct claim *claim)
{
    return claim->base != NULL && claim->login.mailbox != NULL &&
           strcmp(claim->base, claim->login.mailbox) == 0;
}

static struct ownership find_by_alias(const struct claim *claim, const char *account)
{
    struct walk walk = new_walk(claim, claim->allowed & WALK_ANY);
    const struct slot_origin *origin = find_way(claim, &walk);
    if (origin != NULL) {
        return owned_by_way(claim, origin);
    }
    if (walk.failure != NULL) {
        return cannot_tell(walk.failure);
    }
    if (account == NULL && claim->is_tagged) {
        return needs_subaddress(claim, tagged_form(claim, claim->login.mailbox));
    }
    return refuse(claim, &walk, account);
}

static bool is_allowed(const struct claim *claim, unsigned trait)
{
    return (claim->allowed & trait) != 0;
}

/* Whose account is this address, or the address without its detail? */
static struct ownership find_in_directory(struct claim *claim)
{
    struct walk walk = new_walk(claim, 0);
    walk_begin(&walk, claim->address->internal);
    struct answer answer = walk_look_up(&walk, SEARCH_ACCOUNTS, claim->address->internal);
    if (answer.kind == ANSWER_FAILED) {
        return cannot_tell(answer.reason);
    }
    const char *account = answer.kind == ANSWER_FOUND ? answer.value : NULL;
    bool is_own = account != NULL && strcmp(account, owner_of(claim)) == 0;
    bool is_exact = is_own && search_step(&walk.search)->match == MATCH_EXACT;
    if (is_exact && directory_waits(claim->directory)) {
        return owned(renamed_form(claim, account));
    }
    claim->is_tagged = is_tagged_form(claim) || (is_own && !is_exact);
    account = is_own ? NULL : account;
    if (account != NULL && !is_allowed(claim, NEED_ACCOUNT_ALIAS)) {
        return refuse_account(claim, account);
    }
    if (account == NULL && claim->is_tagged && is_allowed(claim, WALK_SUBADDRESS)) {
        return owned(tagged_form(claim, claim->login.mailbox));
    }
    return find_by_alias(claim, account);
}

/* The line that allows it to the login, as it was given or as it is completed. */
static int find_grant(const struct claim *claim, const char *key, const char **login)
{
    const char *const logins[] = {claim->login.name, claim->login.mailbox};
    int line = 0;
    for (size_t i = 0; line == 0 && i < 2; i++) {
        if (logins[i] != NULL && key != NULL) {
            line = snapshot_may_send_as(claim->directory->snapshot, logins[i], key);
            *login = logins[i];
        }
    }
    return line;
}

/* NOT_FOUND without a reason: no line is about this address. What is granted with any
 * detail is no other account. */
static struct ownership find_by_grant(const struct claim *claim)
{
    const char *login = NULL;
    int line = find_grant(claim, claim->address->key, &login);
    bool is_tagged = line == 0;
    if (is_tagged && claim->base != NULL && !is_account(claim, claim->address->key)) {
        line = find_grant(claim, claim->base, &login);
    }
    if (line == 0) {
        return (struct ownership){.kind = ANSWER_NOT_FOUND};
    }
    const char *proof = arena_format(claim->arena, "%s (may_send_as line %d)",
                                     ownership_name(claim->arena, login), line);
    return !is_tagged || is_allowed(claim, WALK_SUBADDRESS)
               ? owned(proof)
               : needs_subaddress(claim, proof);
}

/* A source says it of the address, or of all at its domain. NOT_FOUND without a reason:
 * none does. */
static struct ownership find_by_senders(const struct claim *claim)
{
    struct sender_entry entry;
    if (!senders_find(claim->directory, claim->arena, claim->address->internal,
                      &claim->login, &entry)) {
        return (struct ownership){.kind = ANSWER_NOT_FOUND};
    }
    const char *proof =
        arena_format(claim->arena, "%s (%s)",
                     ownership_name(claim->arena, claim->login.name), entry.source);
    unsigned needs = entry.match == MATCH_BASE        ? WALK_SUBADDRESS
                     : entry.match == MATCH_CATCH_ALL ? WALK_CATCH_ALL
                                                      : 0;
    return (needs & ~claim->allowed) == 0
               ? owned(proof)
               : not_owned(claim, arena_format(claim->arena, "%s%s", proof,
                                               ownership_needs(claim->arena, needs)));
}

/* NULL: mail for it could be. */
static const char *why_impossible(const struct claim *claim)
{
    const struct directory_settings *settings =
        snapshot_settings(claim->directory->snapshot);
    if (strlen(claim->address->internal) > ADDRESS_BYTES_MAX) {
        return "none: it is too long for an address";
    }
    const char *routed = local_route(claim->arena, settings, claim->address->internal);
    const char *at = strrchr(routed, '@');
    const char *domain = at != NULL ? at + 1 : "";
    bool is_possible = routed[0] != '-' && (local_has_domain(settings, domain) ||
                                            address_domain_is_valid(domain));
    return is_possible ? NULL : "none: nobody can have it";
}

static struct ownership find_by_mailbox(struct claim *claim)
{
    const char *impossible = why_impossible(claim);
    if (impossible != NULL) {
        return not_owned(claim, impossible);
    }
    const char *home = owner_of(claim);
    const char *at = strrchr(home, '@');
    size_t length = at != NULL ? (size_t)(at - home) : strlen(home);
    claim->home_local = arena_copy_bytes(claim->arena, home, length);
    claim->home_domain = at != NULL ? at + 1 : "";
    return find_in_directory(claim);
}

/* As it is written: each spelling of an address is a question of its own. */
static struct ownership find_as_written(struct claim *claim, enum answer_kind known)
{
    if (claim->address->is_null) {
        return not_owned(claim, "none: the null sender belongs to nobody");
    }
    if (known == ANSWER_FOUND && strcmp(claim->address->key, claim->login.mailbox) == 0) {
        return owned(ownership_name(claim->arena, claim->login.mailbox));
    }
    struct ownership granted = find_by_grant(claim);
    if (granted.kind == ANSWER_NOT_FOUND && granted.reason == NULL) {
        granted = find_by_senders(claim);
    }
    if (granted.kind == ANSWER_FOUND) {
        return granted;
    }
    /* A login that is nobody's mailbox, or that cannot be told, may be listed at addresses
     * behind aliases. */
    bool is_listed = directory_waits(claim->directory) && claim->login.name != NULL;
    struct ownership found =
        known == ANSWER_FOUND || is_listed
            ? find_by_mailbox(claim)
            : not_owned(claim, arena_format(claim->arena, "none: %s", claim->login.reason));
    if (known == ANSWER_FAILED && found.kind != ANSWER_FOUND) {
        return cannot_tell(claim->login.reason);
    }
    return found.kind == ANSWER_NOT_FOUND && granted.reason != NULL ? granted : found;
}

/* The same local-part at the domain's other form. */
static struct ownership find_with_domain(struct claim claim, enum answer_kind known,
                                         const char *domain)
{
    struct address address;
    address_from_internal(
        claim.arena, arena_format(claim.arena, "%s@%s", claim.address->local_part, domain),
        &snapshot_settings(claim.directory->snapshot)->rules, &address);
    claim.address = &address;
    claim.base = base_key(claim.arena, &address);
    return find_as_written(&claim, known);
}

static unsigned allowed_by(const struct ownership_options *options)
{
    return (options->nested ? WALK_NESTED : 0U) |
           (options->catch_all ? WALK_CATCH_ALL : 0U) |
           (options->regexp ? WALK_REGEXP : 0U) | (options->group ? WALK_GROUP : 0U) |
           (options->subaddress ? WALK_SUBADDRESS : 0U) |
           (options->account_alias ? NEED_ACCOUNT_ALIAS : 0U);
}

struct ownership ownership_find(struct arena *arena, const char *login,
                                const struct address *address,
                                const struct directory *directory,
                                const struct ownership_options *options)
{
    const char *doubt = NULL;
    struct directory asked = *directory;
    asked.doubt = &doubt;
    struct claim claim = {.arena = arena,
                          .address = address,
                          .directory = &asked,
                          .allowed = allowed_by(options),
                          .base = base_key(arena, address)};
    enum answer_kind known =
        login_complete(arena, login, options->login_domain, &asked, &claim.login);
    struct ownership found = find_as_written(&claim, known);
    /* The U-labels of the A-labels are the U-labels in lower case, composed. */
    const char *form = address->domain;
    for (int forms = 2; found.kind == ANSWER_NOT_FOUND && forms > 0; forms--) {
        form = domain_other_form(arena, form);
        if (form == NULL) {
            break;
        }
        struct ownership other = find_with_domain(claim, known, form);
        found = other.kind == ANSWER_NOT_FOUND ? found : other;
    }
    return found.kind == ANSWER_NOT_FOUND && doubt != NULL ? cannot_tell(doubt) : found;
}
