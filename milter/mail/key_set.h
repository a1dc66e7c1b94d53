/* SPDX-License-Identifier: MIT */
/* A set of addresses without regard to case, for what Postfix compares that way. */
#ifndef FOREGATE_MAIL_KEY_SET_H
#define FOREGATE_MAIL_KEY_SET_H

#include "base/arena.h"

#include <stdbool.h>

struct key_set;

struct key_set *key_set_new(struct arena *arena);

/* Borrows address, which must live as long as the set. False: it was there. */
bool key_set_add(struct key_set *set, const char *address);
bool key_set_has(const struct key_set *set, const char *address);

#endif
