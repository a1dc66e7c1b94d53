/* SPDX-License-Identifier: MIT */
#include "times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *grow(void *items, size_t count, size_t *size, size_t item_bytes)
{
    if (count < *size) {
        return items;
    }
    *size = *size > 0 ? *size * 2 : 1024;
    items = realloc(items, *size * item_bytes);
    if (items == NULL) {
        abort();
    }
    return items;
}

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void times_add(struct times *times, int64_t took_ns)
{
    times->items = grow(times->items, times->count, &times->size, sizeof *times->items);
    times->items[times->count++] = took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double at_share(const struct times *times, double share)
{
    return times->items[(size_t)((double)(times->count - 1) * share)] / 1000.0;
}

static size_t count_above(const struct times *times, uint32_t nanoseconds)
{
    size_t count = 0;
    while (count < times->count && times->items[times->count - 1 - count] > nanoseconds) {
        count++;
    }
    return count;
}

void times_print(struct times *times, const char *name)
{
    if (times->count == 0) {
        fprintf(stderr, "nothing was measured\n");
        exit(1);
    }
    qsort(times->items, times->count, sizeof *times->items, compare);
    printf(
        "%s count=%zu p50=%.1f p99=%.1f p999=%.1f max=%.1f above_1ms=%zu above_5ms=%zu\n",
        name, times->count, at_share(times, 0.5), at_share(times, 0.99),
        at_share(times, 0.999), at_share(times, 1), count_above(times, 1000000),
        count_above(times, 5000000));
}

void times_free(struct times *times)
{
    free(times->items);
    *times = (struct times){0};
}

void recipients_read(struct recipients *recipients)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        recipients->items = grow(recipients->items, recipients->count, &recipients->size,
                                 sizeof *recipients->items);
        recipients->items[recipients->count++] = line;
        line = NULL;
        size = 0;
    }
    free(line);
    if (recipients->count == 0) {
        fprintf(stderr, "no recipients\n");
        exit(1);
    }
}

void recipients_free(struct recipients *recipients)
{
    for (size_t i = 0; i < recipients->count; i++) {
        free(recipients->items[i]);
    }
    free(recipients->items);
    *recipients = (struct recipients){0};
}
