/* SPDX-License-Identifier: MIT */
#include "quota/periods.h"

static int64_t period_at(int64_t time_ms, int64_t while_ms)
{
    int64_t length = while_ms / (PERIODS - 1);
    return time_ms / (length > 0 ? length : 1);
}

void periods_advance(struct periods *periods, int64_t while_ms, int64_t now_ms)
{
    int64_t period = period_at(now_ms, while_ms);
    for (int64_t i = periods->newest + 1; i <= period && i <= periods->newest + PERIODS;
         i++) {
        periods->bytes[i % PERIODS] = 0;
    }
    periods->newest = period > periods->newest ? period : periods->newest;
}

void periods_add(struct periods *periods, int64_t while_ms, int64_t bytes)
{
    if (while_ms > 0) {
        periods->bytes[periods->newest % PERIODS] += bytes;
    }
}

void periods_remove(struct periods *periods, int64_t while_ms, int64_t bytes,
                    int64_t since_ms)
{
    int64_t period = period_at(since_ms, while_ms);
    if (while_ms > 0 && periods->newest - period < PERIODS) {
        periods->bytes[period % PERIODS] -= bytes;
    }
}

int64_t periods_sum(const struct periods *periods)
{
    int64_t sum = 0;
    for (int i = 0; i < PERIODS; i++) {
        sum += periods->bytes[i];
    }
    return sum;
}
