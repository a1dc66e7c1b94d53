/* SPDX-License-Identifier: MIT */
#include "directory/directory.h"

#include "mail/domain.h"

struct answer directory_find_domain(const struct directory *directory, const char *domain,
                                    struct arena *arena)
{
    /* The U-labels of the A-labels are the U-labels in lower case, composed. */
    enum { FORMS = 3 };

    struct answer found = {.kind = ANSWER_NOT_FOUND};
    const char *doubt = NULL;
    for (int i = 0; domain != NULL && found.kind == ANSWER_NOT_FOUND && i < FORMS; i++) {
        const struct question question = {.kind = QUESTION_DOMAIN, .key = domain};
        found = directory_answer(directory, &question, arena);
        doubt = found.reason != NULL ? found.reason : doubt;
        domain = domain_other_form(arena, domain);
    }
    if (found.kind == ANSWER_NOT_FOUND) {
        found.reason = doubt; /* also that of a form before the last */
    }
    return found;
}
