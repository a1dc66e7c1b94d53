/* SPDX-License-Identifier: MIT */
/* The inside of an expansion. Private to resolve*.c. */
#ifndef FOREGATE_DIRECTORY_RESOLVE_STATE_H
#define FOREGATE_DIRECTORY_RESOLVE_STATE_H

#include "directory/local_delivery.h"
#include "directory/outcome.h"
#include "directory/resolve.h"
#include "directory/search.h"
#include "directory/slots.h"

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

/* $double_bounce_sender: at the host, Postfix throws its mail away before local delivery.
 * It takes it from everybody, also where the host's name is no local domain. */
#define DOUBLE_BOUNCE "double-bounce@"

/* The expansion is complete; with a fault, or with this status. */
void resolve_finish(struct resolve *resolve, enum expansion_status status);
void resolve_fail(struct resolve *resolve, enum expansion_fault fault, const char *internal,
                  const char *reason);

void resolve_search(struct resolve *resolve, enum phase phase, enum search_keys keys,
                    const char *internal);

/* Of the internal form, or "". */
const char *resolve_domain(const char *internal);

/* resolve_final.c: where the recipients are, one slot after the other. Each begins with
 * next; what is told of its domain, its account (NULL: nobody has it) or its names at the
 * host ends it. */
void resolve_final_next(struct resolve *resolve);
void resolve_final_domain(struct resolve *resolve, enum domain_kind kind);
void resolve_final_account(struct resolve *resolve, const struct answer *answer);
void resolve_final_local(struct resolve *resolve); /* all that was asked of them is told */

#endif
