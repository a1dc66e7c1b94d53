/* SPDX-License-Identifier: MIT */
#include "mail/recipient.h"

#include "base/text.h"

#include <string.h>

const char *params_find(const char *const *params, const char *name)
{
    size_t length = strlen(name);
    for (; params != NULL && *params != NULL; params++) {
        if (text_starts_folded(*params, name) && (*params)[length] == '=') {
            return *params + length + 1;
        }
    }
    return NULL;
}
