/* SPDX-License-Identifier: MIT */
/* What the DNS says about a name, as records of the type asked for. c-ares has readers of
 * its own, but they refuse a whole answer for one byte that no host name has, and end a
 * text at its first NUL. Pure. Source: RFC 1035 section 4.1. */
#ifndef FOREGATE_IO_DNS_ANSWER_H
#define FOREGATE_IO_DNS_ANSWER_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum dns_type { DNS_A, DNS_AAAA, DNS_PTR, DNS_MX, DNS_TXT };

const char *dns_type_name(enum dns_type type); /* "aaaa" */
int dns_type_number(enum dns_type type);       /* RRTYPE */

/* Of one answer so many are taken; a name has so many bytes, dots included. */
enum { DNS_RECORDS = 100, DNS_NAME_LENGTH = 253 };

/* A and AAAA: the address in text form. PTR and MX: a name, labels with dots between them,
 * "." for the root; TXT: its strings joined. Those three are bytes of strangers: anything
 * may be in them, dots in labels and NUL too. A NUL stands behind them. */
struct dns_record {
    const char *bytes;
    size_t length;
    int preference; /* MX */
};

struct dns_answer {
    struct dns_record *records; /* MX: the lowest preference first */
    size_t count;
};

/* The answer section of a whole DNS message, records of other types left out. The answer
 * lives in arena. False: it breaks off or makes no sense. */
bool dns_answer_parse(const void *bytes, size_t length, enum dns_type type,
                      struct arena *arena, struct dns_answer *answer);

#endif
