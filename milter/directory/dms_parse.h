/* SPDX-License-Identifier: MIT */
/* The files of the volume that are not Postfix tables, each from its content into a
 * snapshot. What cannot be used is skipped and becomes a finding; findings may be NULL, and
 * never hold text that could be a password hash. Content is changed, and borrowed by the
 * snapshot. */
#ifndef FOREGATE_DIRECTORY_DMS_PARSE_H
#define FOREGATE_DIRECTORY_DMS_PARSE_H

#include "directory/finding.h"
#include "directory/snapshot_build.h"

#define DMS_ACCOUNTS "postfix-accounts.cf"
#define DMS_VIRTUAL "postfix-virtual.cf"
#define DMS_REGEXP "postfix-regexp.cf"
#define DMS_QUOTAS "dovecot-quotas.cf"

/* Lines `login|hash|extra`; their domains become managed. */
void dms_parse_accounts(struct snapshot *snapshot, char *content,
                        struct finding_list *findings);

/* Domains that docker-mailserver reads out of postfix-virtual.cf: its scripts know no
 * continuation lines and take the first word of every line for a key. */
void dms_parse_domains(struct snapshot *snapshot, char *content,
                       struct finding_list *findings);

/* Lines `address:limit`. Dovecot's answer is the authority on limits: they are only checked
 * and counted. accounts must be sorted. */
void dms_parse_quotas(struct snapshot *snapshot, char *content,
                      struct finding_list *findings);

/* Lines `login: what`, what being addresses, @domains or `*`. */
void dms_parse_grants(struct snapshot *snapshot, char *content, const char *file,
                      struct finding_list *findings);

#endif
