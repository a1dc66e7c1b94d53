/* SPDX-License-Identifier: MIT */
/* What the clients that measure share: the addresses they ask for, in turn, and the times
 * of the answers. What goes wrong ends the program with a message. */
#ifndef FOREGATE_BENCH_TIMES_H
#define FOREGATE_BENCH_TIMES_H

#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_BYTES = 2048 }; /* what is declared */

/* Nanoseconds, most answers take below 100,000 of them. */
struct times {
    uint32_t *items;
    size_t count, size;
};

struct recipients {
    char **items;
    size_t count, size;
};

int64_t now_ns(void);

void times_add(struct times *times, int64_t took_ns);
/* `name key=value ...` in microseconds; sorts them. */
void times_print(struct times *times, const char *name);
void times_free(struct times *times);

/* One a line of the standard input, at least one. */
void recipients_read(struct recipients *recipients);
void recipients_free(struct recipients *recipients);

#endif
