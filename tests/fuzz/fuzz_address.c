/* SPDX-License-Identifier: MIT */
/* Any bytes as an envelope address: what is accepted keeps its meaning when it is written
 * out and read again. The first byte chooses the delimiters. */
#include "mail/address.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const delimiters[] = {"+", "-", "+-", "", ".", "@\"+"};
    if (size == 0) {
        return 0;
    }
    const struct address_rules rules = {
        .myorigin = "host.test",
        .delimiters = delimiters[data[0] % (sizeof delimiters / sizeof delimiters[0])]};
    struct arena *arena = arena_new();
    const char *typed = arena_copy_bytes(arena, data + 1, size - 1);
    struct address address;
    struct error error = {0};
    if (address_parse(arena, typed, &rules, &address, &error) && !address.is_null) {
        /* Each rewriting takes one source route off: behind one there may be another. */
        const char *again = address_complete(arena, address.external, &rules);
        assert(address.external[0] == '@' || strcmp(again, address.internal) == 0);
        assert(strlen(address.base) + strlen(address.detail) == strlen(address.local_part));
        assert(address_split(address.local_part, rules.delimiters) == strlen(address.base));
        assert(address_domain_is_valid(address.domain));
        assert(strcmp(address.raw, typed) == 0);
    }
    address_from_internal(arena, typed, &rules, &address);
    address_complete(arena, typed, &rules);
    arena_free(&arena);
    return 0;
}
