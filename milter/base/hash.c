/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <string.h>

/* Odd numbers without pattern (of the golden ratio and of the square root of 3). */
static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t offset = UINT64_C(0xbb67ae8584caa73b);

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * factor;
    return sum ^ (sum >> 32);
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t word;
    uint64_t sum = mix(seed ^ offset, length);
    for (; length >= sizeof word; length -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum = mix(sum, word);
    }
    word = 0;
    memcpy(&word, at, length);
    return mix(mix(sum, word), factor);
}
