/* SPDX-License-Identifier: MIT */
/* Decides whether a service that failed is asked again yet. Knows no clock and no socket:
 * time is given. Logs when the service goes away and when it is back, and only then. */
#ifndef FOREGATE_IO_BREAKER_H
#define FOREGATE_IO_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES = 3,
    BREAKER_FIRST_MS = 100,    /* from going away to the first probe */
    BREAKER_LONGEST_MS = 1000, /* between probes, at last */
};

struct breaker {
    const char *what;    /* begins its log events: WHAT_away, WHAT_back; borrowed */
    const char *service; /* for the log; borrowed */
    int failures; /* in a row, with no answer between, until the service counts as away */
    bool is_away;
    bool is_probing; /* one question is under way to find out */
    int failure_count;
    int pause_ms;
    int64_t probe_ms; /* not asked before */
    char reason[256]; /* why it is away */
};

enum breaker_pass { BREAKER_ASK, BREAKER_PROBE, BREAKER_REFUSE };

/* failures 0: BREAKER_FAILURES. */
void breaker_init(struct breaker *breaker, const char *what, const char *service,
                  int failures);

/* PROBE: this question is the only one until it is reported as answered or failed. */
enum breaker_pass breaker_ask(struct breaker *breaker, int64_t now_ms);

void breaker_answered(struct breaker *breaker);

/* is_certain: nobody listens, one failure is enough. True: it went away by this failure. */
bool breaker_failed(struct breaker *breaker, bool is_certain, bool is_probe,
                    const char *reason, int64_t now_ms);

const char *breaker_pass_name(enum breaker_pass pass);

#endif
