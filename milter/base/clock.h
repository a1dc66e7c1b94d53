/* SPDX-License-Identifier: MIT */
#ifndef FOREGATE_BASE_CLOCK_H
#define FOREGATE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds that never go back; only differences mean anything. */
int64_t clock_monotonic_ms(void);

/* From a time of CLOCK_MONOTONIC until now, with fractions. */
double clock_elapsed_ms(const struct timespec *since);

#endif
