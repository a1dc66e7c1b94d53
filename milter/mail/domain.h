/* SPDX-License-Identifier: MIT */
/* Internationalized domain names: one name, two forms, U-labels (bücher.example) and
 * A-labels (xn--bcher-kva.example). Source: RFC 5891; UTS 46, nontransitional. */
#ifndef FOREGATE_MAIL_DOMAIN_H
#define FOREGATE_MAIL_DOMAIN_H

#include "base/arena.h"

/* The A-labels of a domain with characters beyond ASCII, the U-labels of one with A-labels;
 * NULL when there is no other form, as for most domains. Folded to lower case. */
const char *domain_other_form(struct arena *arena, const char *domain);

#endif
