/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include <argon2.h>
#include <stdlib.h>
#include <string.h>

/* `prefix` and a number; moves *at behind it. */
static bool read_number(const char **at, const char *prefix, unsigned long *number)
{
    size_t length = strlen(prefix);
    if (strncmp(*at, prefix, length) != 0) {
        return false;
    }
    char *end;
    *number = strtoul(*at + length, &end, 10);
    bool found = end != *at + length;
    *at = end;
    return found;
}

long hash_argon2_cost(const char *stored)
{
    unsigned long kib;
    unsigned long passes;
    unsigned long lanes;
    const char *at = strstr(stored, "$m=");
    if (at == NULL || !read_number(&at, "$m=", &kib) || !read_number(&at, ",t=", &passes) ||
        !read_number(&at, ",p=", &lanes)) {
        return COST_UNREADABLE;
    }
    bool is_affordable = kib <= ARGON_KIB && passes <= ARGON_PASSES &&
                         kib * passes <= ARGON_WORK && lanes <= 16;
    return is_affordable ? (long)kib : COST_TOO_HIGH;
}

int hash_argon2(const char *plain, const char *stored)
{
    argon2_type type = strncmp(stored, "$argon2id$", 10) == 0 ? Argon2_id : Argon2_i;
    int code = argon2_verify(stored, plain, strlen(plain), type);
    return code == ARGON2_OK ? 1 : code == ARGON2_VERIFY_MISMATCH ? 0 : -1;
}
