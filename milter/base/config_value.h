/* SPDX-License-Identifier: MIT */
/* Texts of the configuration as values of a type, and what to tell the operator who wrote
 * something else. Strict: no trailing junk, no overflow, no guessing of units. */
#ifndef FOREGATE_BASE_CONFIG_VALUE_H
#define FOREGATE_BASE_CONFIG_VALUE_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

struct complaint {
    char message[256]; /* what is wrong */
    char remedy[256];  /* what to write instead */
};

/* Always returns false. */
bool complain(struct complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As complain(), for the second half; returns false as well. */
bool complain_remedy(struct complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* number: COUNT, SIZE (bytes), DURATION (ms), BOOL (0, 1), CHOICE (place in choices); else
 * unchanged. False: complaint is filled. */
bool option_parse(const struct option *option, const char *text, int64_t *number,
                  struct complaint *complaint);

/* A number of a type with the largest unit that fits: 60000 ms is `1m`. */
enum { OPTION_NUMBER_BYTES = 32 };

void option_format_number(enum option_type type, int64_t number,
                          char text[OPTION_NUMBER_BYTES]);

#endif
