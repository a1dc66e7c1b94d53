/* SPDX-License-Identifier: MIT */
/* Lists of IP addresses and CIDR blocks, as in Postfix's mynetworks. An IPv4 address mapped
 * into IPv6 is that IPv4 address, on both sides. Source: Postfix util/cidr_match.c. */
#ifndef FOREGATE_BASE_NETWORK_H
#define FOREGATE_BASE_NETWORK_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct network {
    unsigned char address[16]; /* IPv4: the first 4 */
    size_t address_bytes;      /* 4 or 16 */
    unsigned prefix_bits;
};

struct network_list {
    struct network *entries;
    size_t count;
};

/* Words like 10.1.2.3, 127.0.0.0/8, [::1]/128 (brackets optional), white space or commas
 * between. Bits beyond the prefix are refused, with the block that was meant (CONFIG). */
bool network_list_parse(struct arena *arena, const char *text, struct network_list *list,
                        struct error *error);

/* ip as libmilter or Postfix give it: also `[::1]`, `IPv6:::1`, `fe80::1%eth0`. What is no
 * IP address is in no network. */
bool network_list_contains(const struct network_list *list, const char *ip);

#endif
