/* SPDX-License-Identifier: MIT */
#include "directory/resolve.h"

#include "base/text.h"
#include "directory/local.h"
#include "directory/resolve_state.h"

#include <assert.h>
#include <string.h>

const char *resolve_domain(const char *internal)
{
    const char *at = strrchr(internal, '@');
    return at != NULL ? at + 1 : "";
}

static bool is_routed_on(const char *internal)
{
    const char *at = strrchr(internal, '@');
    return at != NULL && strcspn(internal, "@!%") < (size_t)(at - internal);
}

/* Named as such, with its domain, it comes out in small letters; not so when a source route
 * within quotes hides it. */
static bool is_double_bounce(const struct address *address, const char *hostname)
{
    const char *typed = address->raw + (address->raw[0] == '<');
    return text_starts_folded(address->internal, DOUBLE_BOUNCE) &&
           text_equal_folded(address->internal + strlen(DOUBLE_BOUNCE), hostname) &&
           strchr(typed, '@') != NULL && strncmp(typed, "\"@", 2) != 0;
}

void resolve_finish(struct resolve *resolve, enum expansion_status status)
{
    resolve->expansion.status = status;
    resolve->phase = PHASE_DONE;
}

void resolve_fail(struct resolve *resolve, enum expansion_fault fault, const char *internal,
                  const char *reason)
{
    struct expansion *expansion = &resolve->expansion;
    expansion->fault = fault;
    expansion->fault_address = address_quote(resolve->arena, internal);
    expansion->fault_reason = arena_copy(resolve->arena, reason);
    /* A stranger is refused before the fault could show. */
    resolve_finish(resolve, expansion->status == EXPANSION_RELAY ? EXPANSION_RELAY
                                                                 : EXPANSION_ERROR);
}

/* Nobody has the asked address, if all could be asked. */
static void finish_unknown(struct resolve *resolve)
{
    if (resolve->doubt != NULL) {
        resolve_fail(resolve, FAULT_TABLE, resolve->routed, resolve->doubt);
    } else {
        resolve_finish(resolve, EXPANSION_UNKNOWN);
    }
}

void resolve_search(struct resolve *resolve, enum phase phase, enum search_keys keys,
                    const char *internal)
{
    resolve->phase = phase;
    search_begin(&resolve->search, keys, internal, resolve->settings);
}

static void begin_expansion(struct resolve *resolve, enum expansion_status status)
{
    resolve->expansion.status = status;
    slots_begin(&resolve->slots, resolve->asked, NULL);
    resolve->phase = PHASE_EXPAND_NEXT;
}

static void next_expansion(struct resolve *resolve)
{
    struct slots *slots = &resolve->slots;
    const char *internal = slots_next(slots);
    if (slots->fault != FAULT_NONE) {
        resolve_fail(resolve, slots->fault, slots->items[slots->current].internal,
                     slots->fault_reason);
    } else if (internal != NULL) {
        resolve_search(resolve, PHASE_EXPAND, SEARCH_ALIASES, internal);
    } else if (resolve->outcome.count + resolve->outcome.double_count + slots->count >
               OUTCOME_ENDINGS_MAX) {
        resolve_fail(resolve, FAULT_SIZE, slots->items[0].internal,
                     "local aliases lead to more than 50000 addresses");
    } else {
        slots_unique(slots);
        outcome_add_doubles(&resolve->outcome, slots);
        resolve->final = 0;
        resolve->phase = PHASE_FINAL_NEXT;
    }
}

/* The class of the asked address is known: is it relayed, or looked up? */
static void end_rcpt_domain(struct resolve *resolve, enum domain_kind kind)
{
    resolve->domain = kind;
    resolve->expansion.domain_class = kind == DOMAIN_LOCAL      ? CLASS_LOCAL
                                      : kind == DOMAIN_EXTERNAL ? CLASS_EXTERNAL
                                                                : CLASS_MAILBOX;
    if (kind == DOMAIN_EXTERNAL || is_routed_on(resolve->routed)) {
        begin_expansion(resolve, EXPANSION_RELAY);
    } else {
        resolve_search(resolve, PHASE_RCPT_ALIAS, SEARCH_ALIASES_LOOSE, resolve->routed);
    }
}

/* No alias has the asked address. */
static void end_rcpt_alias(struct resolve *resolve)
{
    const char *local_part =
        arena_copy_bytes(resolve->arena, resolve->routed, strcspn(resolve->routed, "@"));
    if (resolve->domain == DOMAIN_MANAGED) {
        resolve_search(resolve, PHASE_RCPT_ACCOUNT, SEARCH_ACCOUNTS, resolve->routed);
    } else if (resolve->domain == DOMAIN_LOCAL &&
               local_has_name(resolve->settings, local_part)) {
        begin_expansion(resolve, EXPANSION_OK);
    } else if (resolve->domain == DOMAIN_LOCAL) {
        resolve_search(resolve, PHASE_RCPT_LOCAL, SEARCH_LOCAL, resolve->routed);
    } else {
        finish_unknown(resolve);
    }
}

static void end_domain(struct resolve *resolve, enum domain_kind kind)
{
    resolve->known_domain = resolve_domain(resolve->routed);
    resolve->known_kind = kind;
    if (resolve->phase == PHASE_RCPT_DOMAIN) {
        end_rcpt_domain(resolve, kind);
    } else {
        resolve_final_domain(resolve, kind);
    }
}

/* Nothing was found by the whole search. */
static void end_search(struct resolve *resolve)
{
    switch (resolve->phase) {
    case PHASE_RCPT_DOMAIN:
    case PHASE_FINAL_DOMAIN:
        end_domain(resolve, DOMAIN_EXTERNAL);
        break;
    case PHASE_RCPT_ALIAS:
        end_rcpt_alias(resolve);
        break;
    case PHASE_RCPT_ACCOUNT:
    case PHASE_RCPT_LOCAL:
        finish_unknown(resolve);
        break;
    case PHASE_EXPAND:
        slots_settle(&resolve->slots);
        resolve->phase = PHASE_EXPAND_NEXT;
        break;
    case PHASE_FINAL_ACCOUNT:
        resolve_final_account(resolve, NULL);
        break;
    case PHASE_EXPAND_NEXT:
    case PHASE_FINAL_NEXT:
    case PHASE_FINAL_LOCAL:
    case PHASE_DONE:
        assert(false && "no search is under way");
    }
}

static void end_search_with(struct resolve *resolve, const struct answer *answer)
{
    bool managed = search_step(&resolve->search)->question == QUESTION_DOMAIN;
    switch (resolve->phase) {
    case PHASE_RCPT_DOMAIN:
    case PHASE_FINAL_DOMAIN:
        end_domain(resolve, managed ? DOMAIN_MANAGED : DOMAIN_ALIAS);
        break;
    case PHASE_RCPT_ALIAS:
        if (answer->value[0] == '\0') {
            resolve_fail(resolve, FAULT_TABLE, resolve->routed,
                         "a table gives an empty result");
        } else {
            begin_expansion(resolve, EXPANSION_OK);
        }
        break;
    case PHASE_RCPT_ACCOUNT:
    case PHASE_RCPT_LOCAL:
        begin_expansion(resolve, EXPANSION_OK);
        break;
    case PHASE_EXPAND:
        slots_replace(&resolve->slots, &resolve->search, answer);
        resolve->phase = PHASE_EXPAND_NEXT;
        break;
    case PHASE_FINAL_ACCOUNT:
        resolve_final_account(resolve, answer);
        break;
    case PHASE_EXPAND_NEXT:
    case PHASE_FINAL_NEXT:
    case PHASE_FINAL_LOCAL:
    case PHASE_DONE:
        assert(false && "no search is under way");
    }
}

/* The question of the search or local delivery under way; NULL when that has ended. */
static const struct question *current_question(struct resolve *resolve)
{
    const struct question *question;
    if (resolve->phase == PHASE_FINAL_LOCAL) {
        question = local_delivery_next(&resolve->local);
        if (question == NULL) {
            resolve_final_local(resolve);
        }
    } else {
        question = search_question(&resolve->search);
        if (question == NULL) {
            end_search(resolve);
        }
    }
    return question;
}

const struct question *resolve_next(struct resolve *resolve)
{
    for (;;) {
        if (resolve->phase == PHASE_DONE) {
            return NULL;
        }
        if (resolve->phase == PHASE_EXPAND_NEXT) {
            next_expansion(resolve);
        } else if (resolve->phase == PHASE_FINAL_NEXT) {
            resolve_final_next(resolve);
        } else {
            const struct question *question = current_question(resolve);
            if (question != NULL) {
                return question;
            }
        }
    }
}

static void answer_local(struct resolve *resolve, const struct answer *answer)
{
    struct local_delivery *local = &resolve->local;
    const char *address = resolve->routed;
    if (answer->kind == ANSWER_FOUND && strlen(answer->value) > SLOT_VALUE_BYTES_MAX) {
        resolve_fail(resolve, FAULT_SIZE, address,
                     "the targets of a local alias are longer than 1 MiB");
        return;
    }
    local_delivery_answer(local, answer);
    if (local->steps > LOCAL_STEPS_MAX) {
        resolve_fail(resolve, FAULT_DEPTH, address,
                     "local aliases take more than 20000 steps altogether");
    }
}

/* A domain that only a source away now knows is served as one elsewhere, meanwhile. */
static void keep_doubt(struct resolve *resolve, const struct answer *answer)
{
    enum question_kind question = search_step(&resolve->search)->question;
    if (answer->reason != NULL && question != QUESTION_DOMAIN &&
        question != QUESTION_ALIAS_DOMAIN) {
        resolve->doubt = answer->reason;
    }
}

void resolve_answer(struct resolve *resolve, const struct answer *answer)
{
    if (answer->kind == ANSWER_FAILED) {
        const char *address = resolve->phase == PHASE_FINAL_LOCAL
                                  ? resolve->routed
                                  : resolve->search.internal;
        resolve_fail(resolve, FAULT_TABLE, address,
                     answer->reason != NULL ? answer->reason : "a look-up failed");
    } else if (resolve->phase == PHASE_FINAL_LOCAL) {
        answer_local(resolve, answer);
    } else {
        keep_doubt(resolve, answer);
        if (answer->kind == ANSWER_FOUND) {
            end_search_with(resolve, answer);
        } else {
            search_advance(&resolve->search);
        }
    }
}

const struct expansion *resolve_result(const struct resolve *resolve)
{
    assert(resolve->phase == PHASE_DONE);
    return &resolve->expansion;
}

/* The postmaster without a domain is accepted by every mail server (RFC 5321 4.1.1.3). */
static bool is_bare_postmaster(const struct address *address)
{
    const char *name = address->raw[0] == '<' ? address->raw + 1 : address->raw;
    size_t length = strlen("postmaster");
    return text_starts_folded(name, "postmaster") &&
           (name[length] == '\0' || strcmp(name + length, ">") == 0);
}

static void begin_rcpt(struct resolve *resolve, const struct address *address)
{
    if (address->is_null) {
        resolve->expansion.domain_class = CLASS_UNKNOWN;
        resolve_finish(resolve, EXPANSION_UNKNOWN);
        return;
    }
    if (strlen(address->internal) > ADDRESS_BYTES_MAX) {
        resolve_fail(resolve, FAULT_SIZE, address->internal, "the address is too long");
        return;
    }
    char *routed = local_route(resolve->arena, resolve->settings, resolve->asked);
    text_fold(routed);
    resolve->routed = routed;
    const char *domain = resolve_domain(resolve->routed);
    bool is_local = local_has_domain(resolve->settings, domain);
    bool is_double = is_double_bounce(address, resolve->settings->hostname);
    if (is_bare_postmaster(address) || (is_double && !is_local)) {
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        begin_expansion(resolve, EXPANSION_OK);
    } else if (routed[0] == '-' || (!is_local && !address_domain_is_valid(domain))) {
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        resolve_fail(resolve, FAULT_SYNTAX, routed,
                     "it is bound for a domain or local-part that is not valid");
    } else if (is_local) {
        end_rcpt_domain(resolve, DOMAIN_LOCAL);
    } else {
        resolve_search(resolve, PHASE_RCPT_DOMAIN, SEARCH_DOMAIN, resolve->routed);
    }
}

struct resolve *resolve_begin(struct arena *arena, const struct address *address,
                              const struct directory_settings *settings)
{
    struct resolve *resolve = arena_alloc(arena, sizeof *resolve);
    resolve->arena = arena;
    resolve->settings = settings;
    resolve->search.arena = arena;
    resolve->slots.arena = resolve->local.arena = resolve->outcome.arena = arena;
    resolve->slots.settings = resolve->local.settings = settings;
    resolve->sent_on_end = &resolve->sent_on;
    resolve->asked = address->internal;
    if (is_double_bounce(address, settings->hostname)) {
        resolve->asked = text_fold_copy(arena, address->internal);
    }
    begin_rcpt(resolve, address);
    return resolve;
}

const struct expansion *resolve_address(struct arena *arena, const struct address *address,
                                        const struct directory *directory)
{
    struct resolve *resolve =
        resolve_begin(arena, address, snapshot_settings(directory->snapshot));
    const struct question *question;
    while ((question = resolve_next(resolve)) != NULL) {
        struct answer answer = directory_answer(directory, question, arena);
        resolve_answer(resolve, &answer);
    }
    return resolve_result(resolve);
}
