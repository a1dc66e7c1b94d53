/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

static bool is_affordable(const char *stored)
{
    if (stored[0] != '$') {
        return true; /* DES */
    }
    if (strncmp(stored, "$2", 2) == 0) {
        const char *cost = strchr(stored + 1, '$');
        return cost != NULL && strtol(cost + 1, NULL, 10) <= BLOWFISH_COST;
    }
    if (strncmp(stored, "$5$rounds=", 10) == 0 || strncmp(stored, "$6$rounds=", 10) == 0) {
        return strtol(stored + 10, NULL, 10) <= CRYPT_ROUNDS;
    }
    /* Of the others (yescrypt, scrypt) Dovecot knows none by name. */
    return stored[1] != '\0' && strchr("156", stored[1]) != NULL && stored[2] == '$';
}

int hash_crypt(const char *plain, const char *stored)
{
    if (!is_affordable(stored)) {
        return -1;
    }
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL) {
        abort();
    }
    const char *made = crypt_r(plain, stored, data);
    int answer = made == NULL || made[0] == '*'  ? -1
                 : hash_equal_text(made, stored) ? 1
                                                 : 0;
    hash_forget(data, sizeof *data);
    free(data);
    return answer;
}
