/* SPDX-License-Identifier: MIT */
/* A fast hash of bytes, for tables in memory and for seeing that a file changed. No
 * protection against keys chosen to collide: what is hashed into tables comes from the
 * operator. */
#ifndef FOREGATE_BASE_HASH_H
#define FOREGATE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* seed chains: the hash of what came before, or any constant. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length);

#endif
