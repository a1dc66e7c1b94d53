/* SPDX-License-Identifier: MIT */
/* An address made up from a regular expression, to try the expression with: what it is
 * likely to match. A guess that understands common expressions only; whoever uses it asks
 * PCRE2 whether it really matches. */
#ifndef FOREGATE_DIRECTORY_PATTERN_SAMPLE_H
#define FOREGATE_DIRECTORY_PATTERN_SAMPLE_H

#include "base/arena.h"

/* Never NULL; may be "". At most a few hundred bytes. */
const char *pattern_sample(struct arena *arena, const char *expression);

#endif
