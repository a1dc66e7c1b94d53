/* SPDX-License-Identifier: MIT */
/* Who may send as an address, as a source says it: Postfix's sender login maps. A volume
 * has none; its permissions are grants. Source: Postfix smtpd/smtpd_check.c. */
#ifndef FOREGATE_DIRECTORY_SENDERS_H
#define FOREGATE_DIRECTORY_SENDERS_H

#include "directory/login.h"
#include "directory/resolve.h"

struct sender_entry {
    enum match_kind match;
    const char *source;
};

/* Whether the first entry for the address names the login, or its mailbox. A look-up that
 * fails is none, and a doubt of the directory's. */
bool senders_find(const struct directory *directory, struct arena *arena,
                  const char *internal, const struct login *login,
                  struct sender_entry *entry);

#endif
