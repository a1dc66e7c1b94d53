/* SPDX-License-Identifier: MIT */
/* The limit of storage that the fields of a userdb give a user: `quota_rule`, `quota_rule2`
 * and so on of Dovecot 2.3, `quota_storage_size` of 2.4. Source: Dovecot
 * plugins/quota/quota-util.c. */
#ifndef FOREGATE_DIRECTORY_QUOTA_RULE_H
#define FOREGATE_DIRECTORY_QUOTA_RULE_H

/* Begins as {0}. */
struct quota_rule {
    int number; /* of the rule that text is from; 0: no one has given a limit yet */
    char text[24];
};

/* Takes one field after the other, in any order. Of several rules the one with the highest
 * number counts, of two with the same number the later one. What gives no limit for all
 * folders together is left out: rules of one folder, percentages, what Dovecot refuses. */
void quota_rule_take(struct quota_rule *rule, const char *name, const char *value);

/* As dovecot-quotas.cf has it ("10G", "0" for none; bytes without a unit), or NULL: no
 * field gave one, so Dovecot's general limit is in force. Inside rule. */
const char *quota_rule_limit(const struct quota_rule *rule);

#endif
