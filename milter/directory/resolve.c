/* SPDX-License-Identifier: MIT */
#include "directory/resolve.h"

#include "base/text.h"
#include "directory/local.h"
#include "directory/local_delivery.h"
#include "directory/outcome.h"
#include "directory/search.h"
#include "directory/slots.h"

#include <assert.h>
#include <string.h>

/* What the current search is for. First comes what smtpd(8) asks at RCPT, of the address in
 * small letters; then cleanup(8) expands it as typed; at last the queue manager looks where
 * the recipients are, and local delivery expands names at the host. What that sends on goes
 * to cleanup(8) again. The two NEXT phases stand between searches. */
enum phase {
    PHASE_RCPT_DOMAIN,
    PHASE_RCPT_ALIAS,
    PHASE_RCPT_ACCOUNT,
    PHASE_RCPT_LOCAL,
    PHASE_EXPAND_NEXT,
    PHASE_EXPAND,
    PHASE_FINAL_NEXT,
    PHASE_FINAL_DOMAIN,
    PHASE_FINAL_ACCOUNT,
    PHASE_FINAL_LOCAL,
    PHASE_DONE
};

/* Local to the host, of aliases only, managed, or none of ours. */
enum domain_kind { DOMAIN_LOCAL, DOMAIN_ALIAS, DOMAIN_MANAGED, DOMAIN_EXTERNAL };

struct sent_on {
    struct sent_on *next;
    const char *internal;
    const struct slot_origin *origin;
    const struct local_arrival *arrivals;
};

struct resolve {
    struct arena *arena;
    const struct directory_settings *settings;
    enum phase phase;
    struct search search;
    struct slots slots;
    const char *asked;  /* internal */
    const char *routed; /* where it is really bound for; at RCPT folded */
    enum domain_kind domain;
    size_t final;             /* slot whose class is being found */
    const char *known_domain; /* the last one asked about, and what it was */
    enum domain_kind known_kind;
    struct local_delivery local;
    struct sent_on *sent_on, **sent_on_end; /* by local delivery, still to be expanded */
    const struct local_arrival *arrivals;   /* of what is being expanded */
    struct outcome outcome;
    const char *doubt; /* why somebody may have it all the same when nobody does, or NULL */
    struct expansion expansion;
};

static const char *domain_of(const char *internal)
{
    const char *at = strrchr(internal, '@');
    return at != NULL ? at + 1 : "";
}

static bool is_routed_on(const char *internal)
{
    const char *at = strrchr(internal, '@');
    return at != NULL && strcspn(internal, "@!%") < (size_t)(at - internal);
}

/* $double_bounce_sender: at the host, Postfix throws its mail away before local delivery.
 * It takes it from everybody, also where the host's name is no local domain. */
static const char double_bounce[] = "double-bounce@";

/* Named as such, with its domain, it comes out in small letters; not so when a source route
 * within quotes hides it. */
static bool is_double_bounce(const struct address *address, const char *hostname)
{
    const char *typed = address->raw + (address->raw[0] == '<');
    return text_starts_folded(address->internal, double_bounce) &&
           text_equal_folded(address->internal + strlen(double_bounce), hostname) &&
           strchr(typed, '@') != NULL && strncmp(typed, "\"@", 2) != 0;
}

static void finish(struct resolve *resolve, enum expansion_status status)
{
    resolve->expansion.status = status;
    resolve->phase = PHASE_DONE;
}

static void finish_with_fault(struct resolve *resolve, enum expansion_fault fault,
                              const char *internal, const char *reason)
{
    struct expansion *expansion = &resolve->expansion;
    expansion->fault = fault;
    expansion->fault_address = address_quote(resolve->arena, internal);
    expansion->fault_reason = arena_copy(resolve->arena, reason);
    /* A stranger is refused before the fault could show. */
    finish(resolve,
           expansion->status == EXPANSION_RELAY ? EXPANSION_RELAY : EXPANSION_ERROR);
}

/* Nobody has the asked address, if all could be asked. */
static void finish_unknown(struct resolve *resolve)
{
    if (resolve->doubt != NULL) {
        finish_with_fault(resolve, FAULT_TABLE, resolve->routed, resolve->doubt);
    } else {
        finish(resolve, EXPANSION_UNKNOWN);
    }
}

static void begin_search(struct resolve *resolve, enum phase phase, enum search_keys keys,
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

/* mailbox: whose it is, or NULL. Where the current slot ends up. */
static void end_final(struct resolve *resolve, enum recipient_class class,
                      const struct answer *mailbox)
{
    static const struct answer none = {.kind = ANSWER_NOT_FOUND};
    const struct answer *answer = mailbox != NULL ? mailbox : &none;
    const struct slot *slot = &resolve->slots.items[resolve->final++];
    /* Nobody, which is what a target of `<>` means, is not routed but stays so. */
    const char *internal = slot->internal[0] != '\0' ? resolve->routed : slot->internal;
    outcome_add(&resolve->outcome, &(struct ending){.internal = internal,
                                                    .origin = slot->origin,
                                                    .class = class,
                                                    .mailbox = answer->value,
                                                    .source = answer->source,
                                                    .limit = answer->limit});
    resolve->phase = PHASE_FINAL_NEXT;
}

/* The current slot has no mailbox, if all could be asked. */
static void end_final_unknown(struct resolve *resolve)
{
    if (resolve->doubt != NULL) {
        finish_with_fault(resolve, FAULT_TABLE, resolve->routed, resolve->doubt);
    } else {
        end_final(resolve, CLASS_UNKNOWN, NULL);
    }
}

static void begin_local(struct resolve *resolve)
{
    const struct slot *slot = &resolve->slots.items[resolve->final];
    if (slot->internal[0] == '\0' || text_starts_folded(resolve->routed, double_bounce)) {
        end_final(resolve, CLASS_LOCAL, NULL);
        return;
    }
    local_delivery_begin(&resolve->local, resolve->routed, slot->origin, resolve->arrivals);
    resolve->phase = PHASE_FINAL_LOCAL;
}

static void send_on(struct resolve *resolve, const struct local_ending *ending,
                    const struct local_arrival *arrivals)
{
    /* It comes in again, by cleanup(8): a source route that was within quotes goes. */
    const char *resubmitted =
        address_complete(resolve->arena, address_quote(resolve->arena, ending->internal),
                         &resolve->settings->rules);
    struct sent_on *sent_on = arena_alloc(resolve->arena, sizeof *sent_on);
    *sent_on = (struct sent_on){
        .internal = resubmitted, .origin = ending->origin, .arrivals = arrivals};
    *resolve->sent_on_end = sent_on;
    resolve->sent_on_end = &sent_on->next;
}

/* Local delivery of the current slot is complete. */
static void end_local(struct resolve *resolve)
{
    const struct local_delivery *local = &resolve->local;
    if (local->put_off != NULL) {
        finish_with_fault(resolve, FAULT_TABLE, local->put_off,
                          "a local alias has no target: delivery is put off until it "
                          "expires");
        return;
    }
    struct local_arrival *arrival = arena_alloc(resolve->arena, sizeof *arrival);
    *arrival = (struct local_arrival){resolve->arrivals, resolve->routed};
    for (size_t i = 0; i < local->ending_count; i++) {
        const struct local_ending *ending = &local->endings[i];
        if (ending->kind == LOCAL_SENT_ON) {
            send_on(resolve, ending, arrival);
        } else {
            outcome_add(&resolve->outcome,
                        &(struct ending){.internal = ending->internal,
                                         .origin = ending->origin,
                                         .class = ending->kind == LOCAL_KEPT
                                                      ? CLASS_LOCAL
                                                      : CLASS_UNKNOWN,
                                         .note = ending->note});
        }
    }
    resolve->final++;
    resolve->phase = PHASE_FINAL_NEXT;
}

static void end_final_domain(struct resolve *resolve, enum domain_kind kind)
{
    switch (kind) {
    case DOMAIN_LOCAL:
        begin_local(resolve);
        break;
    case DOMAIN_ALIAS:
        end_final_unknown(resolve);
        break;
    case DOMAIN_MANAGED:
        begin_search(resolve, PHASE_FINAL_ACCOUNT, SEARCH_ACCOUNTS, resolve->routed);
        break;
    case DOMAIN_EXTERNAL:
        end_final(resolve, CLASS_EXTERNAL, NULL);
        break;
    }
}

/* All slots have their place. */
static void end_round(struct resolve *resolve)
{
    struct sent_on *sent_on = resolve->sent_on;
    if (resolve->outcome.steps > OUTCOME_STEPS_MAX) {
        finish_with_fault(resolve, FAULT_DEPTH, resolve->asked,
                          "the ways to its recipients take more than 200000 steps "
                          "altogether");
        return;
    }
    if (sent_on == NULL) {
        outcome_end(&resolve->outcome, &resolve->expansion);
        finish(resolve, resolve->expansion.status);
        return;
    }
    resolve->sent_on = sent_on->next;
    if (sent_on->next == NULL) {
        resolve->sent_on_end = &resolve->sent_on;
    }
    resolve->arrivals = sent_on->arrivals;
    slots_begin(&resolve->slots, sent_on->internal, sent_on->origin);
    resolve->phase = PHASE_EXPAND_NEXT;
}

/* Where the next recipient really goes. */
static void next_final(struct resolve *resolve)
{
    struct slots *slots = &resolve->slots;
    if (resolve->final == slots->count) {
        end_round(resolve);
        return;
    }
    const struct slot *slot = &slots->items[resolve->final];
    resolve->routed = local_route(resolve->arena, resolve->settings, slot->internal);
    const char *domain = domain_of(resolve->routed);
    bool is_known =
        resolve->known_domain != NULL && text_equal_folded(resolve->known_domain, domain);
    bool is_local = is_known ? resolve->known_kind == DOMAIN_LOCAL
                             : local_has_domain(resolve->settings, domain);
    if (resolve->routed[0] == '-' ||
        (!is_known && !is_local && !address_domain_is_valid(domain))) {
        end_final(resolve, CLASS_UNKNOWN, NULL); /* accepted, and bounced by the MTA */
    } else if (is_local) {
        end_final_domain(resolve, DOMAIN_LOCAL);
    } else if (is_known) {
        end_final_domain(resolve, resolve->known_kind);
    } else {
        begin_search(resolve, PHASE_FINAL_DOMAIN, SEARCH_DOMAIN, resolve->routed);
    }
}

static void next_expansion(struct resolve *resolve)
{
    struct slots *slots = &resolve->slots;
    const char *internal = slots_next(slots);
    if (slots->fault != FAULT_NONE) {
        finish_with_fault(resolve, slots->fault, slots->items[slots->current].internal,
                          slots->fault_reason);
    } else if (internal != NULL) {
        begin_search(resolve, PHASE_EXPAND, SEARCH_ALIASES, internal);
    } else if (resolve->outcome.count + resolve->outcome.double_count + slots->count >
               OUTCOME_ENDINGS_MAX) {
        finish_with_fault(resolve, FAULT_SIZE, slots->items[0].internal,
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
        begin_search(resolve, PHASE_RCPT_ALIAS, SEARCH_ALIASES_LOOSE, resolve->routed);
    }
}

/* No alias has the asked address. */
static void end_rcpt_alias(struct resolve *resolve)
{
    const char *local_part =
        arena_copy_bytes(resolve->arena, resolve->routed, strcspn(resolve->routed, "@"));
    if (resolve->domain == DOMAIN_MANAGED) {
        begin_search(resolve, PHASE_RCPT_ACCOUNT, SEARCH_ACCOUNTS, resolve->routed);
    } else if (resolve->domain == DOMAIN_LOCAL &&
               local_has_name(resolve->settings, local_part)) {
        begin_expansion(resolve, EXPANSION_OK);
    } else if (resolve->domain == DOMAIN_LOCAL) {
        begin_search(resolve, PHASE_RCPT_LOCAL, SEARCH_LOCAL, resolve->routed);
    } else {
        finish_unknown(resolve);
    }
}

static void end_domain(struct resolve *resolve, enum domain_kind kind)
{
    resolve->known_domain = domain_of(resolve->routed);
    resolve->known_kind = kind;
    if (resolve->phase == PHASE_RCPT_DOMAIN) {
        end_rcpt_domain(resolve, kind);
    } else {
        end_final_domain(resolve, kind);
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
        end_final_unknown(resolve);
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
            finish_with_fault(resolve, FAULT_TABLE, resolve->routed,
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
        end_final(resolve, CLASS_MAILBOX, answer);
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
            end_local(resolve);
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
            next_final(resolve);
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
        finish_with_fault(resolve, FAULT_SIZE, address,
                          "the targets of a local alias are longer than 1 MiB");
        return;
    }
    local_delivery_answer(local, answer);
    if (local->steps > LOCAL_STEPS_MAX) {
        finish_with_fault(resolve, FAULT_DEPTH, address,
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
        finish_with_fault(resolve, FAULT_TABLE, address,
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
        finish(resolve, EXPANSION_UNKNOWN);
        return;
    }
    if (strlen(address->internal) > ADDRESS_BYTES_MAX) {
        finish_with_fault(resolve, FAULT_SIZE, address->internal,
                          "the address is too long");
        return;
    }
    char *routed = local_route(resolve->arena, resolve->settings, resolve->asked);
    text_fold(routed);
    resolve->routed = routed;
    const char *domain = domain_of(resolve->routed);
    bool is_local = local_has_domain(resolve->settings, domain);
    bool is_double = is_double_bounce(address, resolve->settings->hostname);
    if (is_bare_postmaster(address) || (is_double && !is_local)) {
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        begin_expansion(resolve, EXPANSION_OK);
    } else if (routed[0] == '-' || (!is_local && !address_domain_is_valid(domain))) {
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        finish_with_fault(resolve, FAULT_SYNTAX, routed,
                          "it is bound for a domain or local-part that is not valid");
    } else if (is_local) {
        end_rcpt_domain(resolve, DOMAIN_LOCAL);
    } else {
        begin_search(resolve, PHASE_RCPT_DOMAIN, SEARCH_DOMAIN, resolve->routed);
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
