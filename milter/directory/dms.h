/* SPDX-License-Identifier: MIT */
/* Builds a snapshot from a docker-mailserver config volume: postfix-accounts.cf,
 * postfix-virtual.cf, postfix-regexp.cf, dovecot-quotas.cf. Everything that is
 * wrong in them becomes a finding with file, line and remedy. */
#ifndef FOREGATE_DIRECTORY_DMS_H
#define FOREGATE_DIRECTORY_DMS_H

#include "base/error.h"
#include "directory/finding.h"
#include "directory/snapshot.h"
#include "mail/address.h"

#include <stdint.h>

/* Borrowed; process lifetime. */
struct directory_settings {
    const char *volume;      /* folder of the files */
    const char *may_send_as; /* file of `login: address` lines, or NULL */
    const char *hostname;    /* $myhostname */
    const char
        *mydestination; /* white space or comma separated domains of local delivery */
    struct address_rules rules; /* myorigin and delimiters */
};

/* NULL when a file cannot be read or a table cannot be used (error has file,
 * line and remedy): then the last good snapshot stays in use. Findings of all
 * severities are added to findings, which may be NULL. Reads files: reload or main thread.
 */
struct snapshot *dms_load(const struct directory_settings *settings,
                          struct finding_list *findings, struct error *error);

/* A digest over names and contents of the files dms_load would read; changes when
 * any of them does. Cheap enough to be asked every second. A missing file counts
 * as such, not as an error. */
uint64_t dms_fingerprint(const struct directory_settings *settings);

#endif
