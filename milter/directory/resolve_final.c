/* SPDX-License-Identifier: MIT */
#include "directory/resolve_state.h"

#include "base/text.h"
#include "directory/local.h"

#include <string.h>

/* Where the current slot ends up. mailbox: whose it is, or NULL. */
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

/* NULL: the current slot has no mailbox, if all could be asked. */
void resolve_final_account(struct resolve *resolve, const struct answer *answer)
{
    if (answer != NULL) {
        end_final(resolve, CLASS_MAILBOX, answer);
    } else if (resolve->doubt != NULL) {
        resolve_fail(resolve, FAULT_TABLE, resolve->routed, resolve->doubt);
    } else {
        end_final(resolve, CLASS_UNKNOWN, NULL);
    }
}

static void begin_local(struct resolve *resolve)
{
    const struct slot *slot = &resolve->slots.items[resolve->final];
    if (slot->internal[0] == '\0' || text_starts_folded(resolve->routed, DOUBLE_BOUNCE)) {
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
void resolve_final_local(struct resolve *resolve)
{
    const struct local_delivery *local = &resolve->local;
    if (local->put_off != NULL) {
        resolve_fail(resolve, FAULT_TABLE, local->put_off,
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

void resolve_final_domain(struct resolve *resolve, enum domain_kind kind)
{
    switch (kind) {
    case DOMAIN_LOCAL:
        begin_local(resolve);
        break;
    case DOMAIN_ALIAS:
        resolve_final_account(resolve, NULL);
        break;
    case DOMAIN_MANAGED:
        resolve_search(resolve, PHASE_FINAL_ACCOUNT, SEARCH_ACCOUNTS, resolve->routed);
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
        resolve_fail(resolve, FAULT_DEPTH, resolve->asked,
                     "the ways to its recipients take more than 200000 steps "
                     "altogether");
        return;
    }
    if (sent_on == NULL) {
        outcome_end(&resolve->outcome, &resolve->expansion);
        resolve_finish(resolve, resolve->expansion.status);
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
void resolve_final_next(struct resolve *resolve)
{
    struct slots *slots = &resolve->slots;
    if (resolve->final == slots->count) {
        end_round(resolve);
        return;
    }
    const struct slot *slot = &slots->items[resolve->final];
    resolve->routed = local_route(resolve->arena, resolve->settings, slot->internal);
    const char *domain = resolve_domain(resolve->routed);
    bool is_known =
        resolve->known_domain != NULL && text_equal_folded(resolve->known_domain, domain);
    bool is_local = is_known ? resolve->known_kind == DOMAIN_LOCAL
                             : local_has_domain(resolve->settings, domain);
    if (resolve->routed[0] == '-' ||
        (!is_known && !is_local && !address_domain_is_valid(domain))) {
        end_final(resolve, CLASS_UNKNOWN, NULL); /* accepted, and bounced by the MTA */
    } else if (is_local) {
        resolve_final_domain(resolve, DOMAIN_LOCAL);
    } else if (is_known) {
        resolve_final_domain(resolve, resolve->known_kind);
    } else {
        resolve_search(resolve, PHASE_FINAL_DOMAIN, SEARCH_DOMAIN, resolve->routed);
    }
}
