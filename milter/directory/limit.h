/* SPDX-License-Identifier: MIT */
/* Quota limits as operators write them: "10G", "500M", "0" for none. */
#ifndef FOREGATE_DIRECTORY_LIMIT_H
#define FOREGATE_DIRECTORY_LIMIT_H

#include <stdint.h>

/* In bytes; 0: not known (NULL), -1: none. Units are Dovecot's, powers of 1024. Source:
 * lib-settings/settings-parser.c. */
int64_t limit_bytes(const char *limit);

#endif
