/* SPDX-License-Identifier: MIT */
#include "directory/limit.h"

#include <stdlib.h>
#include <string.h>

int64_t limit_bytes(const char *limit)
{
    static const char units[] = "BKMGT";
    if (limit == NULL) {
        return 0;
    }
    char *rest;
    long long number = strtoll(limit, &rest, 10);
    const char *unit = strchr(units, *rest >= 'a' ? *rest - ('a' - 'A') : *rest);
    int shift = unit != NULL && *unit != '\0' ? 10 * (int)(unit - units) : 0;
    if (number <= 0) {
        return -1;
    }
    return number < (INT64_MAX >> shift) ? (int64_t)number << shift : INT64_MAX;
}
