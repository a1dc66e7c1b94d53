/* SPDX-License-Identifier: MIT */
#include "directory/resolve.h"

#include "base/text.h"
#include "directory/local.h"
#include "directory/search.h"
#include "directory/slots.h"

#include <assert.h>
#include <string.h>

/* What the current search is for. First comes what smtpd(8) asks at RCPT, of the address in
 * small letters; then cleanup(8) expands it as typed; at last the queue manager looks where
 * the recipients are. The two NEXT phases stand between searches. */
enum phase {
    PHASE_RCPT_DOMAIN,
    PHASE_RCPT_ALIAS,
    PHASE_RCPT_ACCOUNT,
    PHASE_EXPAND_NEXT,
    PHASE_EXPAND,
    PHASE_FINAL_NEXT,
    PHASE_FINAL_DOMAIN,
    PHASE_FINAL_ACCOUNT,
    PHASE_DONE
};

/* Local to the host, of aliases only, managed, or none of ours. */
enum domain_kind { DOMAIN_LOCAL, DOMAIN_ALIAS, DOMAIN_MANAGED, DOMAIN_EXTERNAL };

struct resolve {
    struct arena *arena;
    const struct directory_settings *settings;
    enum phase phase;
    struct search search;
    struct slots slots;
    const char *asked;  /* internal */
    const char *routed; /* where it is really bound for; at RCPT folded */
    enum domain_kind domain;
    struct expanded_recipient *recipients;
    size_t final;             /* recipient whose class is being found */
    const char *known_domain; /* the last one asked about, and what it was */
    enum domain_kind known_kind;
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
    expansion->recipients = NULL;
    expansion->recipient_count = 0;
    /* A stranger is refused before the fault could show. */
    finish(resolve,
           expansion->status == EXPANSION_RELAY ? EXPANSION_RELAY : EXPANSION_ERROR);
}

static void begin_search(struct resolve *resolve, enum phase phase, enum search_keys keys,
                         const char *internal)
{
    resolve->phase = phase;
    search_begin(&resolve->search, keys, internal, resolve->settings);
}

static const struct via_step *copy_path(struct resolve *resolve,
                                        const struct slot_origin *origin, size_t *count)
{
    *count = origin != NULL ? origin->depth : 0;
    struct via_step *path = arena_array(resolve->arena, *count, sizeof *path);
    for (size_t i = *count; origin != NULL; origin = origin->previous) {
        path[--i] = (struct via_step){.address = origin->external, .match = origin->match};
    }
    return path;
}

static void end_final(struct resolve *resolve, enum recipient_class class,
                      const char *mailbox)
{
    struct expanded_recipient *recipient = &resolve->recipients[resolve->final++];
    recipient->class = class;
    recipient->mailbox = mailbox;
    resolve->phase = PHASE_FINAL_NEXT;
}

static void end_final_domain(struct resolve *resolve, enum domain_kind kind)
{
    switch (kind) {
    case DOMAIN_LOCAL:
        end_final(resolve, CLASS_LOCAL, NULL);
        break;
    case DOMAIN_ALIAS:
        end_final(resolve, CLASS_UNKNOWN, NULL);
        break;
    case DOMAIN_MANAGED:
        begin_search(resolve, PHASE_FINAL_ACCOUNT, SEARCH_ACCOUNTS, resolve->routed);
        break;
    case DOMAIN_EXTERNAL:
        end_final(resolve, CLASS_EXTERNAL, NULL);
        break;
    }
}

/* Where the next recipient really goes; nothing is expanded again. */
static void next_final(struct resolve *resolve)
{
    struct slots *slots = &resolve->slots;
    if (resolve->final == slots->count) {
        resolve->expansion.recipients = resolve->recipients;
        resolve->expansion.recipient_count = slots->count;
        finish(resolve, resolve->expansion.status);
        return;
    }
    const struct slot *slot = &slots->items[resolve->final];
    struct expanded_recipient *recipient = &resolve->recipients[resolve->final];
    resolve->routed = local_route(resolve->arena, resolve->settings, slot->internal);
    /* Nobody, which is what a target of `<>` means, is not routed but stays so. */
    recipient->address = address_quote(
        resolve->arena, slot->internal[0] != '\0' ? resolve->routed : slot->internal);
    recipient->via = copy_path(resolve, slot->origin, &recipient->via_count);
    const char *domain = domain_of(resolve->routed);
    if (local_has_domain(resolve->settings, domain)) {
        end_final_domain(resolve, DOMAIN_LOCAL);
    } else if (!address_domain_is_valid(domain) || resolve->routed[0] == '-') {
        end_final(resolve, CLASS_UNKNOWN, NULL); /* accepted, and bounced by the MTA */
    } else if (resolve->known_domain != NULL &&
               text_equal_folded(resolve->known_domain, domain)) {
        end_final_domain(resolve, resolve->known_kind);
    } else {
        begin_search(resolve, PHASE_FINAL_DOMAIN, SEARCH_DOMAIN, resolve->routed);
    }
}

static void list_doubles(struct resolve *resolve)
{
    const struct slots *slots = &resolve->slots;
    struct expanded_recipient *doubles =
        arena_array(resolve->arena, slots->double_count, sizeof *doubles);
    for (size_t i = 0; i < slots->double_count; i++) {
        doubles[i].address = address_quote(resolve->arena, slots->doubles[i].internal);
        doubles[i].via =
            copy_path(resolve, slots->doubles[i].origin, &doubles[i].via_count);
    }
    resolve->expansion.doubles = doubles;
    resolve->expansion.double_count = slots->double_count;
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
    } else {
        slots_unique(slots);
        list_doubles(resolve);
        resolve->recipients =
            arena_array(resolve->arena, slots->count, sizeof *resolve->recipients);
        resolve->phase = PHASE_FINAL_NEXT;
    }
}

static void begin_expansion(struct resolve *resolve, enum expansion_status status)
{
    resolve->expansion.status = status;
    slots_begin(&resolve->slots, resolve->asked);
    resolve->phase = PHASE_EXPAND_NEXT;
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
    } else {
        finish(resolve, EXPANSION_UNKNOWN);
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
        finish(resolve, EXPANSION_UNKNOWN);
        break;
    case PHASE_EXPAND:
        slots_settle(&resolve->slots);
        resolve->phase = PHASE_EXPAND_NEXT;
        break;
    case PHASE_FINAL_ACCOUNT:
        end_final(resolve, CLASS_UNKNOWN, NULL);
        break;
    case PHASE_EXPAND_NEXT:
    case PHASE_FINAL_NEXT:
    case PHASE_DONE:
        assert(false && "no search is under way");
    }
}

static void end_search_with(struct resolve *resolve, const char *value)
{
    bool managed = search_step(&resolve->search)->question == QUESTION_DOMAIN;
    switch (resolve->phase) {
    case PHASE_RCPT_DOMAIN:
    case PHASE_FINAL_DOMAIN:
        end_domain(resolve, managed ? DOMAIN_MANAGED : DOMAIN_ALIAS);
        break;
    case PHASE_RCPT_ALIAS:
        if (value[0] == '\0') {
            finish_with_fault(resolve, FAULT_TABLE, resolve->routed,
                              "a table gives an empty result");
        } else {
            begin_expansion(resolve, EXPANSION_OK);
        }
        break;
    case PHASE_RCPT_ACCOUNT:
        begin_expansion(resolve, EXPANSION_OK);
        break;
    case PHASE_EXPAND:
        slots_replace(&resolve->slots, &resolve->search, value);
        resolve->phase = PHASE_EXPAND_NEXT;
        break;
    case PHASE_FINAL_ACCOUNT:
        end_final(resolve, CLASS_MAILBOX, value);
        break;
    case PHASE_EXPAND_NEXT:
    case PHASE_FINAL_NEXT:
    case PHASE_DONE:
        assert(false && "no search is under way");
    }
}

const struct question *resolve_next(struct resolve *resolve)
{
    for (;;) {
        switch (resolve->phase) {
        case PHASE_DONE:
            return NULL;
        case PHASE_EXPAND_NEXT:
            next_expansion(resolve);
            continue;
        case PHASE_FINAL_NEXT:
            next_final(resolve);
            continue;
        case PHASE_RCPT_DOMAIN:
        case PHASE_RCPT_ALIAS:
        case PHASE_RCPT_ACCOUNT:
        case PHASE_EXPAND:
        case PHASE_FINAL_DOMAIN:
        case PHASE_FINAL_ACCOUNT:
            break;
        }
        const struct question *question = search_question(&resolve->search);
        if (question != NULL) {
            return question;
        }
        end_search(resolve);
    }
}

void resolve_answer(struct resolve *resolve, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_FOUND:
        end_search_with(resolve, answer->value);
        break;
    case ANSWER_NOT_FOUND:
        search_advance(&resolve->search);
        break;
    case ANSWER_FAILED:
        finish_with_fault(resolve, FAULT_TABLE, resolve->search.internal,
                          answer->reason != NULL ? answer->reason : "a look-up failed");
        break;
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
    if (is_bare_postmaster(address)) {
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        begin_expansion(resolve, EXPANSION_OK);
    } else if (routed[0] == '-' || (!is_local && !address_domain_is_valid(domain))) {
        /* Looked right until it was routed: Postfix says 501. */
        resolve->expansion.domain_class = is_local ? CLASS_LOCAL : CLASS_EXTERNAL;
        finish(resolve, EXPANSION_UNKNOWN);
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
    resolve->slots.arena = arena;
    resolve->slots.settings = settings;
    resolve->asked = address->internal;
    const char *bounces = arena_format(arena, "double-bounce@%s", settings->hostname);
    if (text_equal_folded(address->internal, bounces)) {
        resolve->asked = text_fold_copy(arena, bounces);
    }
    begin_rcpt(resolve, address);
    return resolve;
}

const struct expansion *resolve_address(struct arena *arena, const struct address *address,
                                        const struct snapshot *snapshot,
                                        const struct directory_settings *settings)
{
    struct resolve *resolve = resolve_begin(arena, address, settings);
    const struct question *question;
    while ((question = resolve_next(resolve)) != NULL) {
        struct answer answer = snapshot_answer(snapshot, question, arena);
        resolve_answer(resolve, &answer);
    }
    return resolve_result(resolve);
}

const char *expansion_status_name(enum expansion_status status)
{
    static const char *const names[] = {"ok", "unknown", "relay", "error"};
    return names[status];
}

const char *expansion_fault_name(enum expansion_fault fault)
{
    static const char *const names[] = {"none", "loop", "depth", "size", "table"};
    return names[fault];
}

const char *recipient_class_name(enum recipient_class class)
{
    static const char *const names[] = {"mailbox", "external", "local", "unknown"};
    return names[class];
}

const char *match_kind_name(enum match_kind match)
{
    static const char *const names[] = {"exact", "pattern", "base", "bare", "catch-all"};
    return names[match];
}
