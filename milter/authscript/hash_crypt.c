/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

/* crypt(5)'s digits. */
static int digit_of(char c)
{
    static const char digits[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *place = c != '\0' ? strchr(digits, c) : NULL;
    return place != NULL ? (int)(place - digits) : -1;
}

/* `_` and four digits, the least one first. */
static bool is_affordable_bsdi(const char *stored)
{
    long rounds = 0;
    for (int i = 4; i >= 1; i--) {
        int digit = digit_of(stored[i]);
        if (digit < 0) {
            return true; /* libcrypt refuses it */
        }
        rounds = rounds * 64 + digit;
    }
    return rounds <= BSDI_ROUNDS;
}

/* `$y$j9T$`, as crypt_gensalt writes it: the second letter is the logarithm of the memory,
 * the third its unit. */
static long yescrypt_cost(const char *parameters)
{
    enum { LEAST = 7, MOST = 15 }; /* `5` to `D`: to 256 MiB */

    int power = parameters[0] == 'j' ? digit_of(parameters[1]) : -1;
    bool is_large = power >= 0 && parameters[2] == 'T';
    bool is_known = is_large || (power >= 0 && parameters[2] == '5');
    if (!is_known || parameters[3] != '$' || power < LEAST || power > MOST) {
        return COST_TOO_HIGH;
    }
    return (is_large ? 8L : 2L) << power;
}

long hash_crypt_cost(const char *stored)
{
    bool is_affordable;
    if (strncmp(stored, "$y$", 3) == 0) {
        return yescrypt_cost(stored + 3);
    }
    if (strncmp(stored, "$gy$", 4) == 0) {
        return yescrypt_cost(stored + 4);
    }
    if (strncmp(stored, "$2", 2) == 0) {
        const char *cost = strchr(stored + 1, '$');
        is_affordable = cost != NULL && strtol(cost + 1, NULL, 10) <= BLOWFISH_COST;
    } else if (strncmp(stored, "$5$rounds=", 10) == 0 ||
               strncmp(stored, "$6$rounds=", 10) == 0) {
        is_affordable = strtol(stored + 10, NULL, 10) <= CRYPT_ROUNDS;
    } else if (stored[0] == '_') {
        is_affordable = is_affordable_bsdi(stored);
    } else {
        is_affordable =
            stored[0] != '$' || /* DES */
            (stored[1] != '\0' && strchr("156", stored[1]) != NULL && stored[2] == '$');
    }
    return is_affordable ? 0 : COST_TOO_HIGH;
}

int hash_crypt(const char *plain, const char *stored)
{
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
