/* SPDX-License-Identifier: MIT */
/* A sum of bytes that each count for a while, kept by when they came. A period is an eighth
 * of the while, and one more is kept, so that none goes too early. The while is given with
 * each call, always the same; 0: nothing counts. */
#ifndef FOREGATE_QUOTA_PERIODS_H
#define FOREGATE_QUOTA_PERIODS_H

#include <stdint.h>

enum { PERIODS = 9 };

/* Zeroed is empty. */
struct periods {
    int64_t bytes[PERIODS];
    int64_t newest; /* time divided by the length of a period */
};

/* Makes now the newest period, and forgets those that are over. Before all else. */
void periods_advance(struct periods *periods, int64_t while_ms, int64_t now_ms);

void periods_add(struct periods *periods, int64_t while_ms, int64_t bytes);

/* Of what came at since_ms, unless it has gone by itself. */
void periods_remove(struct periods *periods, int64_t while_ms, int64_t bytes,
                    int64_t since_ms);

int64_t periods_sum(const struct periods *periods);

#endif
