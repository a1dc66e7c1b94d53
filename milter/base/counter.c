/* SPDX-License-Identifier: MIT */
#include "base/counter.h"

#include "base/log.h"

#include <stdatomic.h>

static atomic_int_least64_t counters[COUNTER_COUNT];

void counter_add(enum counter counter, int64_t amount)
{
    atomic_fetch_add_explicit(&counters[counter], amount, memory_order_relaxed);
}

int64_t counter_get(enum counter counter)
{
    return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

const char *counter_name(enum counter counter)
{
    static const char *const names[COUNTER_COUNT] = {
        [COUNTER_SESSIONS] = "sessions",
        [COUNTER_MESSAGES] = "messages",
        [COUNTER_RECIPIENTS] = "recipients",
        [COUNTER_REFUSED_RECIPIENTS] = "refused_recipients",
        [COUNTER_REFUSED_MESSAGES] = "refused_messages",
        [COUNTER_REPLACED] = "replaced",
        [COUNTER_LEFT_OUT] = "left_out",
        [COUNTER_RULE_ERRORS] = "rule_errors",
        [COUNTER_RULE_LIMITS] = "rule_limits",
        [COUNTER_RULE_LIMIT_TIME] = "rule_limit_time",
        [COUNTER_RULE_LIMIT_INSTRUCTIONS] = "rule_limit_instructions",
        [COUNTER_RULE_LIMIT_MEMORY] = "rule_limit_memory",
        [COUNTER_RULE_LIMIT_SIZE] = "rule_limit_size",
        [COUNTER_SHADOWED] = "shadowed",
        [COUNTER_QUOTA_ASKED] = "quota_asked",
        [COUNTER_QUOTA_LEASED] = "quota_leased",
        [COUNTER_QUOTA_FULL] = "quota_full",
        [COUNTER_QUOTA_BUSY] = "quota_busy",
        [COUNTER_QUOTA_FAILED] = "quota_failed",
        [COUNTER_SOURCE_ASKED] = "source_asked",
        [COUNTER_SOURCE_FAILED] = "source_failed",
        [COUNTER_SOURCE_STALE] = "source_stale",
        [COUNTER_DNS_ASKED] = "dns_asked",
        [COUNTER_DNS_FAILED] = "dns_failed",
        [COUNTER_HTTP_ASKED] = "http_asked",
        [COUNTER_HTTP_FAILED] = "http_failed",
        [COUNTER_PLAN_ERRORS] = "plan_errors",
        [COUNTER_RELOADS] = "reloads",
        [COUNTER_RELOAD_ERRORS] = "reload_errors",
        [COUNTER_RECORD_LOST] = "record_lost",
        [COUNTER_LOG_LOST] = "log_lost",
    };
    return names[counter];
}

void counter_log(void)
{
    struct log_line line;
    log_begin(&line, LOG_INFO, "counters");
    for (int i = 0; i < COUNTER_COUNT; i++) {
        log_number(&line, counter_name((enum counter)i), counter_get((enum counter)i));
    }
    log_end(&line);
}
