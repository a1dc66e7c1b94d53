/* SPDX-License-Identifier: MIT */
#include "io/breaker.h"

#include "base/log.h"

#include <stdio.h>

enum { EVENT_BYTES = 64 };

void breaker_init(struct breaker *breaker, const char *what, const char *service,
                  int failures)
{
    *breaker = (struct breaker){.what = what,
                                .service = service,
                                .failures = failures > 0 ? failures : BREAKER_FAILURES};
}

enum breaker_pass breaker_ask(struct breaker *breaker, int64_t now_ms)
{
    if (!breaker->is_away) {
        return BREAKER_ASK;
    }
    if (breaker->is_probing || now_ms < breaker->probe_ms) {
        return BREAKER_REFUSE;
    }
    breaker->is_probing = true;
    return BREAKER_PROBE;
}

static void log_change(const struct breaker *breaker, const char *event, const char *reason)
{
    struct log_line line;
    char name[EVENT_BYTES];
    snprintf(name, sizeof name, "%s_%s", breaker->what, event);
    log_begin(&line, LOG_WARNING, name);
    log_text(&line, "service", breaker->service);
    log_text(&line, "reason", reason);
    log_end(&line);
}

void breaker_answered(struct breaker *breaker)
{
    breaker->failure_count = 0;
    breaker->is_probing = false;
    if (breaker->is_away) {
        breaker->is_away = false;
        log_change(breaker, "back", "it answers");
    }
}

bool breaker_failed(struct breaker *breaker, bool is_certain, bool is_probe,
                    const char *reason, int64_t now_ms)
{
    if (breaker->is_away) {
        /* Questions asked before it went away may still fail: only the probe counts. */
        if (is_probe) {
            breaker->is_probing = false;
            breaker->pause_ms = breaker->pause_ms * 2 < BREAKER_LONGEST_MS
                                    ? breaker->pause_ms * 2
                                    : BREAKER_LONGEST_MS;
            breaker->probe_ms = now_ms + breaker->pause_ms;
        }
        return false;
    }
    breaker->failure_count++;
    if (!is_certain && breaker->failure_count < breaker->failures) {
        return false;
    }
    breaker->is_away = true;
    breaker->is_probing = false;
    breaker->pause_ms = BREAKER_FIRST_MS;
    breaker->probe_ms = now_ms + breaker->pause_ms;
    snprintf(breaker->reason, sizeof breaker->reason, "%s", reason);
    log_change(breaker, "away", reason);
    return true;
}

const char *breaker_pass_name(enum breaker_pass pass)
{
    switch (pass) {
    case BREAKER_ASK:
        return "ask";
    case BREAKER_PROBE:
        return "probe";
    case BREAKER_REFUSE:
        return "refuse";
    }
    return "invalid";
}
