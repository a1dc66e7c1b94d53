/* SPDX-License-Identifier: MIT */
#ifndef FOREGATE_BASE_CLOCK_H
#define FOREGATE_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that never go back; only differences mean anything. */
int64_t clock_monotonic_ms(void);

#endif
