/* SPDX-License-Identifier: MIT */
/* What delivery reports need to know of a recipient that is replaced by others (RFC 3461).
 */
#ifndef FOREGATE_MAIL_DSN_H
#define FOREGATE_MAIL_DSN_H

#include "base/arena.h"
#include "mail/recipient.h"

/* The address as the client typed it, without brackets and source route: the form in which
 * Postfix remembers the original recipient, so neither completed nor quoted anew. */
const char *dsn_typed_address(struct arena *arena, const char *raw);

/* What names a recipient to the MTA for deletion: as typed, or, when quotes, comments or
 * blanks inside leave room for two readings, in external form. NULL when that would not be
 * the same (a quoted name without a domain, a source route within another). */
const char *dsn_delete_form(struct arena *arena, const struct address *address);

/* The client's ORCPT as it stands, else one made from what was typed. */
const char *dsn_original_recipient(struct arena *arena, const struct recipient *recipient);

/* NOTIFY for all but one of several replacements; SUCCESS alone becomes NEVER. */
const char *dsn_notify_without_success(struct arena *arena, const char *notify);

#endif
