/* SPDX-License-Identifier: MIT */
/* The files of the volume, each from its stream into a snapshot. What cannot be used is
 * skipped and becomes a finding; findings may be NULL, and never hold text that could be a
 * password hash. All fail only when the stream cannot be read to its end as text (the error
 * says why). */
#ifndef FOREGATE_DIRECTORY_DMS_PARSE_H
#define FOREGATE_DIRECTORY_DMS_PARSE_H

#include "base/error.h"
#include "directory/finding.h"
#include "directory/snapshot_build.h"

#include <stdio.h>

#define DMS_ACCOUNTS "postfix-accounts.cf"
#define DMS_VIRTUAL "postfix-virtual.cf"
#define DMS_REGEXP "postfix-regexp.cf"
#define DMS_ALIASES "postfix-aliases.cf"
#define DMS_QUOTAS "dovecot-quotas.cf"
#define DMS_MAIN "postfix-main.cf"
#define DMS_DOVECOT "dovecot.cf"

/* Digits, maybe with B, k, M, G or T behind them: what Dovecot takes for a number of bytes.
 */
bool dms_is_limit(const char *text);

/* Lines `login|hash|extra`; their domains become managed, and a quota in extra a limit. */
bool dms_parse_accounts(struct snapshot *snapshot, FILE *stream,
                        struct finding_list *findings, struct error *error);

/* The texthash table. Keys that repeat become twins of the table. */
bool dms_parse_virtual(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error);

/* Domains that docker-mailserver reads out of postfix-virtual.cf: its scripts know no
 * continuation lines and take the first word of every line for a key. */
bool dms_parse_domains(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error);

/* Lines `name: target, target`, behind the line for root that docker-mailserver writes: an
 * indented first line goes on there. */
bool dms_parse_aliases(struct snapshot *snapshot, FILE *stream,
                       struct finding_list *findings, struct error *error);

/* That line alone, when there is no file; nothing without a postmaster. */
void dms_add_root(struct snapshot *snapshot);

/* Lines `address:limit`; they win over limits in the accounts. Dovecot's answer is the
 * authority on them. Accounts come first. */
bool dms_parse_quotas(struct snapshot *snapshot, FILE *stream,
                      struct finding_list *findings, struct error *error);

/* Lines `login: what`, what being addresses, @domains or `*`. */
bool dms_parse_grants(struct snapshot *snapshot, FILE *stream, const char *file,
                      struct finding_list *findings, struct error *error);

/* Makes the domain of a name managed as the scripts do: `cut -d @ -f 2` takes what is
 * between its first two `@`, or all of a name without one, and Postfix reads the result as
 * words with commas or blanks between them. Some of them it takes for something else than
 * domains. scratch is the caller's to reset. */
void dms_add_domains(struct snapshot *snapshot, struct arena *scratch, const char *name,
                     const char *file, int line, struct finding_list *findings);

/* Reports a domain of vhost that Postfix takes for something else. */
void dms_check_domain(const char *domain, const char *file, int line,
                      struct finding_list *findings);

#endif
