/* SPDX-License-Identifier: MIT */
/* Alias expansion exactly as Postfix does it (cleanup_map1n.c, mail_addr_find.c,
 * mail_addr_map.c), and whose mailbox is at the end of it. One resolver for delivery,
 * quota and ownership. A state machine: it asks questions and is fed answers and
 * never does I/O, so that a source may wait while the resolver stays pure. */
#ifndef FOREGATE_DIRECTORY_RESOLVE_H
#define FOREGATE_DIRECTORY_RESOLVE_H

#include "base/arena.h"
#include "directory/directory.h"
#include "directory/source.h"
#include "mail/address.h"

#include <stdbool.h>
#include <stddef.h>

/* What a stranger is told at RCPT. RELAY also has recipients: what the mail
 * of a client that may relay becomes; its fault, if any, hits only such a client. UNKNOWN
 * and ERROR have none. */
enum expansion_status { EXPANSION_OK, EXPANSION_UNKNOWN, EXPANSION_RELAY, EXPANSION_ERROR };

/* Why an expansion is in error. SYNTAX: where the address is routed to, there is no such
 * domain or local-part: Postfix says 501. LOOP: an address replaced 1000 times, or a cycle.
 * DEPTH: 20000 replacements in all, or 200000 steps of all paths together, our own limits.
 * SIZE: 1000 addresses, 1000 bytes of one address, or 1 MiB of one table value. TABLE: an
 * unusable result, or a source that FAILED; also where nobody has an address as far as
 * could be asked, but a source was left out. Of what local aliases send on, Postfix would
 * put off delivery until it expires. */
enum expansion_fault {
    FAULT_NONE,
    FAULT_SYNTAX,
    FAULT_LOOP,
    FAULT_DEPTH,
    FAULT_SIZE,
    FAULT_TABLE
};

enum recipient_class { CLASS_MAILBOX, CLASS_EXTERNAL, CLASS_LOCAL, CLASS_UNKNOWN };

/* How an address was found in the tables: as it stands, by a pattern, without its detail
 * (which goes on to the targets), by its local-part alone with the detail, by its domain,
 * or as a name at the host itself (aliases(5)). */
enum match_kind {
    MATCH_EXACT,
    MATCH_PATTERN,
    MATCH_BASE,
    MATCH_BARE,
    MATCH_CATCH_ALL,
    MATCH_LOCAL
};

struct via_step {
    const char *address; /* external form; the address that was replaced here */
    enum match_kind match;
    int line;           /* of the alias in its file, 0 when the source does not say */
    const char *source; /* of the alias; NULL: a file of the volume */
};

struct expanded_recipient {
    const char *address; /* external form, case and detail as Postfix delivers */
    enum recipient_class class;
    const char *mailbox; /* account (folded) whose storage and quota it uses, or NULL */
    const char *source;  /* that knows the account; NULL: the volume, or none */
    const char *limit;   /* of the account, where its source says one, or NULL */
    const char *note; /* LOCAL: the file, command or list that an alias names; UNKNOWN: why
                         its mail bounces; NULL: nothing to say */
    const struct via_step *via; /* from the asked address on; empty: itself */
    size_t via_count;
};

struct expansion {
    enum expansion_status status;
    enum expansion_fault fault;
    enum recipient_class
        domain_class;          /* of the asked address: MAILBOX (ours), LOCAL, EXTERNAL */
    const char *fault_address; /* ERROR: the address at which it happened */
    const char *fault_reason;  /* ERROR: a sentence for the log */
    const struct expanded_recipient *recipients; /* duplicates gone, Postfix's order */
    size_t recipient_count;
    /* Further ways to recipients above; only address and via are filled in. Delivery does
     * not need them, who shows how the mail goes does. */
    const struct expanded_recipient *doubles;
    size_t double_count;
};

struct resolve;

/* Everything lives in the arena. The address was parsed with the rules of the settings. */
struct resolve *resolve_begin(struct arena *arena, const struct address *address,
                              const struct directory_settings *settings);

/* The next question, or NULL when the expansion is complete. */
const struct question *resolve_next(struct resolve *resolve);
void resolve_answer(struct resolve *resolve, const struct answer *answer);
const struct expansion *resolve_result(const struct resolve *resolve);

/* All at once, by the settings of the snapshot. Waits as the directory does. */
const struct expansion *resolve_address(struct arena *arena, const struct address *address,
                                        const struct directory *directory);

const char *expansion_status_name(enum expansion_status status);
const char *expansion_fault_name(enum expansion_fault fault);
const char *recipient_class_name(enum recipient_class class);
const char *match_kind_name(enum match_kind match);

#endif
