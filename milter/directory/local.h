/* SPDX-License-Identifier: MIT */
/* What Postfix counts as this host: which domains are local, which of their names exist,
 * and where an address that goes through the host is really bound for. Source: Postfix
 * global/resolve_local.c, trivial-rewrite/resolve.c. */
#ifndef FOREGATE_DIRECTORY_LOCAL_H
#define FOREGATE_DIRECTORY_LOCAL_H

#include "base/arena.h"
#include "directory/snapshot.h"

#include <stdbool.h>

/* In mydestination, or the literal of a loopback address. Other addresses of the host are
 * not known here; mail for their literals counts as external. */
bool local_has_domain(const struct directory_settings *settings, const char *domain);

/* A name that local delivery takes: the three that Postfix always accepts, and root. */
bool local_has_name(const struct directory_settings *settings, const char *local_part);

/* user%domain@host becomes user@domain, again and again, until the domain is no local one
 * or nothing is left to route by. Both forms internal. */
char *local_route(struct arena *arena, const struct directory_settings *settings,
                  const char *internal);

#endif
