/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

static bool is_affordable(const char *stored)
{
    unsigned kib = 0;
    unsigned passes = 0;
    unsigned lanes = 0;
    const char *costs = strstr(stored, "$m=");
    return costs != NULL &&
           sscanf(costs, "$m=%9u,t=%9u,p=%9u", &kib, &passes, &lanes) == 3 &&
           kib <= ARGON_KIB && passes <= ARGON_PASSES &&
           (unsigned long)kib * passes <= ARGON_WORK && lanes <= 16;
}

int hash_argon2(const char *plain, const char *stored)
{
    if (!is_affordable(stored)) {
        return -1;
    }
    argon2_type type = strncmp(stored, "$argon2id$", 10) == 0 ? Argon2_id : Argon2_i;
    int code = argon2_verify(stored, plain, strlen(plain), type);
    return code == ARGON2_OK ? 1 : code == ARGON2_VERIFY_MISMATCH ? 0 : -1;
}
