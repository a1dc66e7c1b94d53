/* SPDX-License-Identifier: MIT */
/* What came of loading rules or directory, for whoever asked for it. */
#ifndef FOREGATE_RELOAD_REPORT_H
#define FOREGATE_RELOAD_REPORT_H

#include <stdbool.h>

enum { REPORT_BYTES = 2048 };

struct report {
    bool kept; /* nothing changed: what was loaded before stays in use */
    char text[REPORT_BYTES];
};

/* Behind what it says already, cut where it is full. */
void report_add(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
