/* SPDX-License-Identifier: MIT */
/* Answers in place of the DNS, and a record of what was asked. Any thread. */
#ifndef FOREGATE_RULETEST_FAKE_DNS_H
#define FOREGATE_RULETEST_FAKE_DNS_H

#include "io/dns.h"
#include "io/silence.h"

struct fake_dns;

/* A name has no records, until something else is said. */
struct fake_dns *fake_dns_new(struct silence *silence);
void fake_dns_free(struct fake_dns **fake);

enum fake_dns_kind {
    FAKE_DNS_RECORDS, /* those of answer, copied */
    FAKE_DNS_FAILS,   /* reason */
    FAKE_DNS_SILENT   /* no answer */
};

/* Of a question, until it is said anew. False: see dns_question_name. */
bool fake_dns_answer(struct fake_dns *fake, const struct dns_question *question,
                     enum fake_dns_kind kind, const struct dns_answer *answer,
                     const char *reason, struct error *error);

/* A dns_script; argument is the fake. */
void fake_dns_ask(void *argument, struct dns_request *request);

/* Questions so far, the oldest first: `mx x.example`. The text lives as long as the fake.
 */
size_t fake_dns_count(struct fake_dns *fake);
const char *fake_dns_asked(struct fake_dns *fake, size_t index);

#endif
