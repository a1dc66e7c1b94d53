/* SPDX-License-Identifier: MIT */
/* Counts since start, for the log lines of reload and stop. Any thread. */
#ifndef FOREGATE_BASE_COUNTER_H
#define FOREGATE_BASE_COUNTER_H

#include <stdint.h>

enum counter {
    COUNTER_SESSIONS,
    COUNTER_MESSAGES,
    COUNTER_RECIPIENTS,
    COUNTER_REFUSED_RECIPIENTS,
    COUNTER_REFUSED_MESSAGES,
    COUNTER_REPLACED, /* recipients with other deliveries than asked for */
    COUNTER_LEFT_OUT, /* addresses behind them that got nothing */
    COUNTER_RULE_ERRORS,
    COUNTER_RULE_LIMITS, /* of these: a limit; all of the following */
    COUNTER_RULE_LIMIT_TIME,
    COUNTER_RULE_LIMIT_INSTRUCTIONS,
    COUNTER_RULE_LIMIT_MEMORY,
    COUNTER_RULE_LIMIT_SIZE, /* one value too large */
    COUNTER_SHADOWED,        /* verdicts not carried out: shadow mode */
    COUNTER_QUOTA_ASKED,
    COUNTER_QUOTA_LEASED,  /* answered from a lease of room */
    COUNTER_QUOTA_FULL,    /* refused by Dovecot, now or a moment ago */
    COUNTER_QUOTA_BUSY,    /* too much on its way to the mailbox */
    COUNTER_QUOTA_FAILED,  /* cannot tell */
    COUNTER_SOURCE_ASKED,  /* questions to sources beside the volume */
    COUNTER_SOURCE_FAILED, /* cannot tell */
    COUNTER_SOURCE_STALE,  /* answered from before, while the source was away */
    COUNTER_DNS_ASKED,
    COUNTER_DNS_FAILED, /* cannot tell */
    COUNTER_HTTP_ASKED,
    COUNTER_HTTP_FAILED, /* no complete answer */
    COUNTER_PLAN_ERRORS,
    COUNTER_RELOADS,
    COUNTER_RELOAD_ERRORS,
    COUNTER_RECORD_LOST, /* transactions that could not be recorded */
    COUNTER_LOG_LOST,    /* log lines that nobody took */
    COUNTER_COUNT,
};

void counter_add(enum counter counter, int64_t amount);
int64_t counter_get(enum counter counter);
const char *counter_name(enum counter counter);
void counter_log(void); /* one info line with all of them */

#endif
