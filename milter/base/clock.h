/* SPDX-License-Identifier: MIT */
/* What time it is, for all that judges mail: what it keeps for a while (leases, refusals,
 * deadlines), and what rules read. Tests of rules stop both clocks and move them by hand.
 * Any thread. */
#ifndef FOREGATE_BASE_CLOCK_H
#define FOREGATE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds that never go back; only differences mean anything. */
int64_t clock_monotonic_ms(void);

/* From a time of CLOCK_MONOTONIC until now, with fractions; also while the clocks stand. */
double clock_elapsed_ms(const struct timespec *since);

/* So long from now by that clock of the host, also while ours stand: for timed waits. */
struct timespec clock_after_ms(clockid_t clock, int ms);

/* Seconds since the epoch. */
int64_t clock_seconds(void);

/* From now on both clocks stand, the second one at this moment. For a process that does
 * nothing but tests and replays, while no request is under way. */
void clock_stop(int64_t seconds);
void clock_go(void); /* as the host's again */
bool clock_is_stopped(void);

/* For stopped clocks. Both go on by so much, which is not negative. */
void clock_advance(int64_t ms);

/* Another moment. To a later one both go on; an earlier one is a host's clock that was set
 * back, which nothing but clock_seconds sees. */
void clock_set(int64_t seconds);

#endif
